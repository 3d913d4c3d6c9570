"""`/api/compliance`: the officers' doors. For everybody else they do not exist."""
