/**
 * What the doors under /api/compliance answer, as docs/protocol.md has it. Types only: nothing here runs.
 *
 * @typedef {object} Names Of what an answer mentions by id.
 * @property {NamedPerson[]} people
 * @property {NamedRoom[]} rooms
 * @property {{matter_id: string, name: string}[]} matters
 * @property {{hold_id: string, matter_name: string, number: number}[]} holds
 * @property {{class_id: string, name: string}[]} classes
 * @property {{customer_id: string, name: string}[]} customers
 *
 * @typedef {object} NamedPerson
 * @property {string} account_id
 * @property {string|null} display_name Null once the person was erased.
 * @property {'customer'|'staff'|'compliance'|'admin'} kind
 * @property {string|null} customer_name
 *
 * @typedef {object} NamedRoom
 * @property {string} room_id
 * @property {string} name
 * @property {'private'|'shared'} kind
 * @property {string|null} archived_at
 *
 * @typedef {'standing'|'release_requested'|'grace'|'ended'} HoldState
 * @typedef {'messages'|'files'} ContentKind
 *
 * @typedef {object} Matter
 * @property {string} matter_id
 * @property {string} name
 * @property {string} opened_by
 * @property {string} opened_at
 * @property {string|null} reason Null once its text was erased.
 * @property {string|null} closed_by
 * @property {string|null} closed_at
 * @property {number} standing_holds
 * @property {number} holds_in_grace
 * @property {number} ended_holds
 *
 * @typedef {object} Coverage
 * @property {number} rooms
 * @property {number} messages
 * @property {number} files
 * @property {number} byte_size
 * @property {number} people
 *
 * @typedef {object} Custodian
 * @property {string} account_id
 * @property {'memberships'|'sent'} covers
 *
 * @typedef {object} Scope
 * @property {string[]} rooms
 * @property {Custodian[]} custodians
 * @property {string|null} sent_from
 * @property {string|null} sent_until
 * @property {ContentKind[]} kinds
 *
 * @typedef {object} HoldAct One thing that was done to a hold, in order.
 * @property {string} act As the audit trail calls it.
 * @property {string|null} by
 * @property {string} at
 * @property {string|null} reason Null once its text was erased.
 *
 * @typedef {object} HoldRelease
 * @property {string} requested_by
 * @property {string} requested_at
 * @property {string|null} reason Null once its text was erased.
 * @property {string|null} confirmed_by
 * @property {string|null} confirmed_at
 * @property {string|null} confirmation_reason
 * @property {string|null} kept_until
 *
 * @typedef {object} Hold
 * @property {string} hold_id
 * @property {number} number Counts within its matter.
 * @property {string} matter_id
 * @property {string} matter_name
 * @property {string} placed_by
 * @property {string} placed_at
 * @property {string|null} reason Null once its text was erased.
 * @property {HoldState} state
 * @property {Scope} scope
 * @property {HoldRelease|null} release
 *
 * @typedef {object} RetentionClass
 * @property {string} class_id
 * @property {string} name
 * @property {'sent'|'room_closed'|'customer_closed'} counted_from
 * @property {number|null} keep_days
 * @property {number|null} destroy_days
 * @property {number} removed_days
 * @property {string} changed_at
 * @property {string|null} locked_at
 * @property {string|null} removed_at
 * @property {number} rooms How many have it.
 * @property {number} labels How many messages and files carry it.
 * @property {('private'|'shared')[]} default_for
 *
 * @typedef {{kind: string, class_id?: string|null, room_id?: string, room_kind?: string} & Record<string, any>} Change
 *
 * @typedef {object} RoomRecord
 * @property {string} room_id
 * @property {string} name
 * @property {'private'|'shared'} kind
 * @property {string[]} customers
 * @property {string|null} archived_at
 * @property {string} last_recorded_at
 * @property {number} holds
 *
 * @typedef {object} DueMonth
 * @property {string|null} month The first day of it; null for what has no end.
 * @property {number} messages
 * @property {number} files
 * @property {number} bytes
 * @property {number} held How many of the messages a hold keeps.
 *
 * @typedef {object} Amount
 * @property {number} messages
 * @property {number} files
 * @property {number} bytes
 * @property {number} [rooms]
 *
 * @typedef {object} SimulatedMonth
 * @property {string} month
 * @property {number} goes
 * @property {number} kept_by_holds
 * @property {number} kept_by_labels
 * @property {number} kept_by_classes
 * @property {number} stays
 *
 * @typedef {object} Picture
 * @property {Amount} goes
 * @property {Amount} goes_now The same without the change.
 * @property {number} revisions Superseded ones, whose messages stay.
 * @property {number} reactions Taken back, of messages that stay.
 * @property {number} room_names Former ones.
 * @property {Amount} kept_by_holds
 * @property {number} kept_by_labels Messages.
 * @property {number} kept_by_classes Messages.
 * @property {string} destroys_from Before that instant a changed rule destroys nothing.
 * @property {SimulatedMonth[]} months
 * @property {{message_id: string, room_id: string, sent_at: string, due_at: string}[]} first
 *
 * @typedef {object} Simulation
 * @property {string} simulation_id
 * @property {Change} change
 * @property {string} instant
 * @property {string} asked_by
 * @property {string} begun_at
 * @property {string|null} finished_at
 * @property {'running'|'done'|'failed'} state
 * @property {string|null} [fingerprint]
 * @property {Picture|null} [picture]
 * @property {string|null} applied_at When the change was made with it.
 *
 * @typedef {object} DispositionRun
 * @property {string} run_id
 * @property {string} began_at
 * @property {string|null} ended_at
 * @property {string} phase
 * @property {number} batches
 * @property {number} messages
 * @property {number} files
 * @property {number} bytes
 *
 * @typedef {object} Alarm Something that is not as it must be, until a check finds it in order again.
 * @property {string} alarm_id
 * @property {string} raised_at
 * @property {string|null} cleared_at
 * @property {string} problem
 * @property {string} subject
 *
 * @typedef {object} AuditEntry
 * @property {number} entry_number
 * @property {string} recorded_at
 * @property {'session'|'shell'|'worker'} origin
 * @property {string|null} actor_id Null for what nobody in particular did.
 * @property {string|null} session_id
 * @property {string} act
 * @property {{kind: string, subject_id: string|null}} subject
 * @property {Record<string, any>} facts
 * @property {Record<string, string|null>} texts What was written, by field; null once it was erased.
 *
 * @typedef {object} ExplainedClass
 * @property {'label'|'room'|'default'} source
 * @property {string} class_id
 * @property {string} name
 * @property {string|null} [keeps_until] Missing where it keeps nothing, null without end.
 * @property {('end'|'keep')[]} decides
 *
 * @typedef {object} Explanation
 * @property {string} message_id
 * @property {string} room_id
 * @property {string|null} due_at Null for never.
 * @property {'no_end'|'ended'|'removed'|'kept'|'files'} reason
 * @property {'shown'|'due'|'settling'|'held'|'files_held'|'emptied'|'gone'} state
 * @property {ExplainedClass[]} classes
 * @property {{file_id: string, class_id: string, name: string, due_at: string|null}[]} files Those with a label of their own, by its name.
 * @property {{hold_id: string, covers_messages: boolean, covers_files: boolean}[]} holds
 *
 * @typedef {object} OpenedVersion
 * @property {number} revision
 * @property {string} text
 * @property {string} author_id
 * @property {string} recorded_at
 *
 * @typedef {object} OpenedFile
 * @property {string} file_id
 * @property {string|null} name Null, like the others, once the file was destroyed.
 * @property {number|null} byte_size
 * @property {string|null} media_type
 * @property {string|null} scan_state
 *
 * @typedef {object} OpenedReaction
 * @property {string} emoji
 * @property {string} account_id
 * @property {string} added_at
 * @property {string|null} removed_at
 *
 * @typedef {object} OpenedMessage
 * @property {string} message_id
 * @property {'shared'|'staff'} stream
 * @property {number} seq
 * @property {string} author_id
 * @property {string} sent_at
 * @property {string} recorded_at
 * @property {string|null} deleted_at
 * @property {string|null} deleted_by
 * @property {OpenedVersion[]} versions
 * @property {OpenedFile[]} files
 * @property {OpenedReaction[]} reactions
 *
 * @typedef {object} OpenedPage The latest message last.
 * @property {number} entry_number Of the audit trail.
 * @property {OpenedMessage[]} messages
 * @property {Explanation[]} explanations
 * @property {number} destroyed How many between them are gone.
 * @property {{shared: number|null, staff: number|null}|null} place Null where there is nothing older.
 * @property {Names} names
 */

export {};
