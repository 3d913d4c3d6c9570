import assert from 'node:assert/strict';
import { test } from 'node:test';

import { factLines, subjectInWords } from '../../../static/compliance/audit-words.js';
import { NameBook, NO_NAMES } from '../../../static/compliance/figures.js';

const NAMES = { people: [], rooms: [], matters: [], holds: [], classes: [], customers: [{ customer_id: 'c1', name: 'Lindt Ceramics' }] };

test('a customer is named where it was closed, and where an act mentions it', () => {
  const book = new NameBook(NAMES);
  assert.equal(subjectInWords('customer', 'c1', book), 'customer Lindt Ceramics');
  assert.deepEqual(factLines({ customer_id: 'c1' }, book), [['Customer', 'Lindt Ceramics']]);
});

test('what has no name is shown by its id', () => {
  assert.equal(subjectInWords('message', 'm1', NO_NAMES), 'message m1');
  assert.equal(subjectInWords('customer', 'c2', new NameBook(NAMES)), 'customer c2');
});

test('an entry whose reason was erased is called one', () => {
  assert.equal(subjectInWords('audit_entry', null, NO_NAMES), 'an entry of the audit trail');
  assert.deepEqual(factLines({ entry_number: 7 }, NO_NAMES), [['Entry no.', '7']]);
});
