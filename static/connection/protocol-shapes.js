/**
 * The shapes that travel over the wire, as docs/protocol.md has them. Types only: nothing here runs.
 *
 * @typedef {object} Account
 * @property {string} account_id
 * @property {'customer'|'staff'|'compliance'|'admin'} kind
 * @property {string} display_name
 * @property {string} email
 * @property {string|null} customer_id
 * @property {string|null} customer_name
 * @property {string} stream The account's own stream.
 * @property {string[]} abilities
 *
 * @typedef {object} Person
 * @property {string} account_id
 * @property {'customer'|'staff'|'compliance'|'admin'} kind
 * @property {string} display_name
 * @property {string|null} [customer_id]
 * @property {string|null} [customer_name]
 * @property {boolean} [deactivated]
 * @property {string} [joined_at]
 * @property {number} [reads_from_seq]
 *
 * @typedef {object} Customer
 * @property {string} customer_id
 * @property {string} name
 *
 * @typedef {object} Reaction
 * @property {string} emoji
 * @property {string[]} account_ids
 *
 * @typedef {'picture'|'document'|'audio'|'video'|'text'|'archive'|'other'} FileKind
 *
 * @typedef {object} Attachment A file of a message.
 * @property {string} file_id
 * @property {string} name
 * @property {number} byte_size
 * @property {string} type The media type found in the content.
 * @property {FileKind} kind
 * @property {'ready'|'checking'|'infected'} state
 * @property {boolean} [preparing] Whether a preview is still to come.
 * @property {string} [alt_text]
 * @property {number} [width] Of a picture as it is shown.
 * @property {number} [height]
 * @property {{width: number, height: number}} [preview]
 *
 * @typedef {object} FilePlace Where a file stands in a room's list.
 * @property {string} message_id
 * @property {number} seq
 * @property {number} position
 * @property {string} author_id
 * @property {string} sent_at
 *
 * @typedef {Attachment & FilePlace} ListedFile
 *
 * @typedef {object} Message
 * @property {string} message_id
 * @property {number} seq
 * @property {string} author_id
 * @property {string} text
 * @property {string[]} mentions
 * @property {string|null} reply_to
 * @property {string} sent_at
 * @property {number} revision
 * @property {string|null} [edited_at]
 * @property {string|null} [deleted_at]
 * @property {string|null} [deleted_by]
 * @property {Reaction[]} reactions
 * @property {Attachment[]} files
 * @property {string} [client_command_id] Known for what came as an event.
 * @property {number} [as_of] The position this was read at; events up to there are in it already.
 *
 * @typedef {object} MessagePage
 * @property {Message[]} messages
 * @property {Message[]} quoted
 * @property {Person[]} [people] Authors on the page who are no longer members; not within an opened room.
 * @property {boolean} more_before
 * @property {boolean} more_after
 * @property {number} seq The position the page is of.
 *
 * @typedef {object} LastMessage
 * @property {string} author_id
 * @property {string} [author_name]
 * @property {string} text
 * @property {string} sent_at
 * @property {boolean} deleted
 * @property {number} [file_count]
 * @property {string} [message_id] Known for what came as an event.
 *
 * @typedef {object} RoomLine
 * @property {string} room_id
 * @property {'private'|'shared'} kind
 * @property {string} name
 * @property {string|null} archived_at
 * @property {Customer[]} customers
 * @property {string} stream
 * @property {string} [staff_stream]
 * @property {number} seq
 * @property {number} [staff_seq]
 * @property {number} unread
 * @property {number} [staff_unread]
 * @property {boolean} mentioned
 * @property {number} read_seq
 * @property {LastMessage|null} last_message
 * @property {string|null} [waiting_since]
 * @property {number} member_count
 * @property {string[]} online
 *
 * @typedef {object} RoomStreamSnapshot
 * @property {string} stream
 * @property {number} seq
 * @property {number} reads_from_seq
 * @property {{account_id: string, seq: number}[]} read_markers
 * @property {MessagePage} page
 * @property {string} [expired_before] Messages before this instant were removed after the agreed period.
 *
 * @typedef {object} Room
 * @property {string} room_id
 * @property {'private'|'shared'} kind
 * @property {string} name
 * @property {string|null} archived_at
 * @property {string} created_at
 * @property {Customer[]} customers
 * @property {Person[]} members
 * @property {Person[]} people
 * @property {{shared: RoomStreamSnapshot, staff?: RoomStreamSnapshot}} streams
 * @property {string[]} online
 *
 * @typedef {object} RoomEvent An event of any kind; which of the further fields are there, follows from the kind.
 * @property {number} seq
 * @property {string} kind
 * @property {string} actor_id
 * @property {string} at
 * @property {string} [message_id]
 * @property {number} [subject_seq]
 * @property {boolean} [withheld]
 * @property {string} [text]
 * @property {string[]} [mentions]
 * @property {string|null} [reply_to]
 * @property {string} [sent_at]
 * @property {string} [client_command_id]
 * @property {number} [revision]
 * @property {string|null} [edited_at]
 * @property {string|null} [deleted_at]
 * @property {string|null} [deleted_by]
 * @property {Reaction[]} [reactions]
 * @property {Attachment[]} [files]
 * @property {Attachment} [file]
 * @property {string} [emoji]
 * @property {string} [account_id]
 * @property {string} [name]
 * @property {Person} [member]
 * @property {string} [room_id]
 * @property {string} [stream]
 * @property {number} [read_seq]
 * @property {number} [first_seq]
 * @property {number} [last_seq]
 * @property {string} [expired_before] Messages before this instant were removed after the agreed period.
 * @property {string} [file_id]
 *
 * @typedef {object} Limits
 * @property {number} frame_bytes
 * @property {number} text_characters
 * @property {number} subscriptions
 * @property {number} files_per_message
 * @property {number} file_bytes
 *
 * @typedef {object} Hello
 * @property {'hello'} type
 * @property {number} protocol
 * @property {string} epoch
 * @property {Account} account
 * @property {number} heartbeat_seconds
 * @property {Limits} limits
 *
 * @typedef {object} WaitingRoom
 * @property {string} room_id
 * @property {'private'|'shared'} kind
 * @property {string} name
 * @property {string[]} customers
 * @property {string} waiting_since
 * @property {boolean} member
 *
 * @typedef {object} Invitation
 * @property {string} invitation_id
 * @property {string} created_by
 * @property {boolean} grants_history
 * @property {string} expires_at
 */

export {};
