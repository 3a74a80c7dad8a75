//! Every limit of the gateway in one table. Past a limit the answer is a quick refusal, never a slow yes.
//!
//! The unit is in the type or last in the name. What an operator may want to change is a setting instead (see [`crate::config`]).
#![warn(missing_docs)]

use std::time::Duration;

// --- connections and bytes -----------------------------------------------------------------------------------------
/// Connections that the gateway can be set to hold open at once.
pub const CONNECTIONS_MAX: usize = 100_000;
/// Connections that are possible even if the process may have few descriptors.
pub const CONNECTIONS_MIN: usize = 64;
/// File descriptors that are kept free of clients: for the ledger, the hot store and temporary files.
pub const DESCRIPTORS_RESERVED_COUNT: u64 = 256;
/// Time for a request's head to arrive once its first byte has.
pub const HEADER_READ_TIMEOUT: Duration = Duration::from_secs(5);
/// Time for a request's body to arrive.
pub const BODY_READ_TIMEOUT: Duration = Duration::from_secs(5);
/// Time that a connection may stay open without a request.
pub const IDLE_TIMEOUT: Duration = Duration::from_secs(60);
/// Time that open requests get to finish when the gateway stops.
pub const DRAIN_TIMEOUT: Duration = Duration::from_secs(10);
/// Time for the first request of a connection that was accepted just before the gateway stopped listening.
pub const LAST_REQUEST_TIMEOUT: Duration = Duration::from_secs(1);
/// Time for one step of taking a listening socket over from another gateway, or a connection.
pub const TAKE_OVER_ASK_TIMEOUT: Duration = Duration::from_secs(2);
/// Time between two tries to take over from a gateway that is just starting or just gone.
pub const TAKE_OVER_RETRY_DELAY: Duration = Duration::from_millis(20);
/// Time that a gateway waits for the one before it to close the embedded ledger; enough for its drain.
pub const TAKE_OVER_TIMEOUT: Duration = Duration::from_secs(15);
/// Time for which the rest of a refused request is read and thrown away, so that the refusal arrives.
pub const LINGER_TIMEOUT: Duration = Duration::from_secs(1);
/// Bytes of such a rest that are read at most.
pub const LINGER_BYTES: usize = 1024 * 1024;
/// Bytes of such a rest that are read at once.
pub const LINGER_READ_BYTES: usize = 16 * 1024;
/// Refused connections whose rest is read at the same time; further ones are closed at once.
pub const LINGERING_MAX: usize = 1_000;
/// Bytes of a request's head.
pub const HEADER_BYTES: usize = 64 * 1024;
/// Bytes of a JSON body on the door path and everywhere else but uploads.
pub const BODY_BYTES: usize = 64 * 1024;
/// Bytes of a ticket upload: 100,000 rows of CSV with long codes and names fit.
pub const UPLOAD_BYTES: usize = 64 * 1024 * 1024;
/// Bytes of a ticket upload as JSON: 1,000 tickets with the longest codes and names, each byte escaped.
pub const UPLOAD_JSON_BYTES: usize = 8 * 1024 * 1024;
/// Time for an upload to arrive.
pub const UPLOAD_READ_TIMEOUT: Duration = Duration::from_secs(60);
/// Bytes of an uploaded export: 1,000,000 rows of CSV as pretix writes them fit. It is kept in a file, not in memory.
pub const IMPORT_BYTES: usize = 768 * 1024 * 1024;
/// Time for an export to arrive.
pub const IMPORT_READ_TIMEOUT: Duration = Duration::from_secs(600);
/// Time that an export may pause while it arrives.
pub const IMPORT_PAUSE_TIMEOUT: Duration = Duration::from_secs(10);
/// Time that a browser may remember which origins are allowed.
pub const CORS_AGE_MAX: Duration = Duration::from_secs(600);
/// Time that an upload waits for a place.
pub const UPLOAD_WAIT_TIMEOUT: Duration = Duration::from_secs(2);
/// Uploads that are held in memory at once.
pub const UPLOADS_AT_ONCE_MAX: usize = 4;
/// Uploads that arrive at once, into files.
pub const UPLOADS_ARRIVING_MAX: usize = 16;
/// Uploads of one organisation that arrive at once.
pub const UPLOADS_PER_ORGANISATION_MAX: usize = 4;
/// Time after which an upload must have come at [`UPLOAD_MIN_BYTES_PER_SECOND`] on average.
pub const UPLOAD_GRACE_TIMEOUT: Duration = Duration::from_secs(10);
/// Bytes of an upload that must arrive in a second, on average: slow connections are served, those that only occupy a place are not.
pub const UPLOAD_MIN_BYTES_PER_SECOND: u64 = 4 * 1024;
/// Time from which on a successful request is written to the log.
pub const SLOW_REQUEST_TIMEOUT: Duration = Duration::from_millis(250);
/// Bytes of a bearer token; longer ones are refused unread.
pub const TOKEN_BYTES: usize = 2_048;

// --- waits ---------------------------------------------------------------------------------------------------------
/// Time for a scan or a sale, from its last byte to its answer: with the network there and back, the client has its answer within a second.
pub const ATTEMPT_TIMEOUT: Duration = Duration::from_millis(800);
/// Times that an attempt is made when something that it was decided on has changed.
pub const ATTEMPTS_MAX: usize = 64;
/// Time for one call on the ledger that is not on the door path.
pub const LEDGER_CALL_TIMEOUT: Duration = Duration::from_millis(800);
/// Time for a call on the ledger that moves many rows: a chunk of an upload, a list.
pub const LEDGER_BULK_TIMEOUT: Duration = Duration::from_secs(10);
/// Time for a statement to wait for an organisation's lock, in milliseconds (Postgres `lock_timeout`).
pub const LOCK_MILLIS: u64 = 700;
/// Time for a statement on the door path, in milliseconds (Postgres `statement_timeout`).
pub const STATEMENT_MILLIS: u64 = 10_000;
/// Time that a transaction may sit idle before the ledger ends it, in milliseconds.
pub const IDLE_IN_TRANSACTION_MILLIS: u64 = 2_000;
/// Time to open a connection to the ledger.
pub const CONNECT_TIMEOUT: Duration = Duration::from_millis(700);
/// The same for the first ones of a gateway that starts.
pub const FIRST_CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// Time for a call on Redis; past it the ledger is read.
pub const REDIS_CALL_TIMEOUT: Duration = Duration::from_millis(50);
/// Time to open a connection to Redis, its Sentinels included; no request waits for it.
pub const REDIS_CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Time between two tries to reach Redis after it failed.
pub const REDIS_RETRY_DELAY: Duration = Duration::from_millis(250);
/// Attempts of a change when something that it was decided on has changed.
pub const CHANGE_TRIES_MAX: usize = 64;

/// Time for a reading of the signing keys while a request waits for it. Two of them fit into an attempt.
pub const KEYS_READ_TIMEOUT: Duration = Duration::from_millis(400);
/// Time between two readings of the signing keys, however many unknown keys are named.
pub const KEYS_READ_INTERVAL: Duration = Duration::from_millis(25);
/// Time for which a command looks for the gateway that has the embedded ledger open, or for the ledger itself.
pub const CONTROL_WAIT_TIMEOUT: Duration = Duration::from_secs(10);
/// Time to send a control command to a gateway, and for the command's result.
pub const CONTROL_TIMEOUT: Duration = Duration::from_secs(10);
/// Bytes of a control command, and of its result.
pub const CONTROL_BYTES: u64 = 64 * 1024;

// --- copies --------------------------------------------------------------------------------------------------------
/// Age at which a copy is no longer trusted when the log of changes has not been read.
pub const COPY_TRUST_TIMEOUT: Duration = Duration::from_secs(1);
/// Time between two reads of the log of changes, when nothing woke the follower.
pub const CHANGE_LOG_POLL_INTERVAL: Duration = Duration::from_millis(250);
/// Changes read from the log at once.
pub const CHANGES_AT_ONCE_MAX: i64 = 1_000;
/// Ids that are looked for in one statement.
pub const IDS_AT_ONCE_MAX: usize = 500;
/// Changes that the log keeps; a copy that is older than the log is not trusted.
pub const CHANGES_KEPT_MAX: i64 = 100_000;
/// Changed things that are remembered; past it every older copy is given up.
pub const CHANGED_REMEMBERED_MAX: usize = 100_000;
/// Time that a hot copy lives in Redis, in seconds.
pub const HOT_COPY_SECONDS: i64 = 600;
/// Sessions whose hot copy is kept in memory.
pub const HOT_SESSIONS_MAX: usize = 100_000;
/// Organisations whose names these copies share.
pub const HOT_NAMES_MAX: usize = 1_000;
/// Verified tokens that are remembered.
pub const VERIFIED_TOKENS_MAX: usize = 100_000;
/// Events whose facts are kept in memory.
pub const WARM_EVENTS_MAX: usize = 10_000;
/// Tickets of one event that are kept in memory.
pub const WARM_TICKETS_PER_EVENT_MAX: usize = 2_000_000;
/// Gates and devices at which the last movements of one event's tickets were made, as far as they are remembered.
pub const WARM_SPOTS_PER_EVENT_MAX: usize = 100_000;
/// Tickets that are read at once while an event is warmed.
pub const WARM_PAGE_ROWS: i64 = 5_000;
/// Time between two writes of a session's last use, in seconds; a quarter of its idle time if that is shorter.
pub const SEEN_SECONDS: i64 = 60;
/// Sessions whose last use waits to be written.
pub const LAST_USE_QUEUE_MAX: usize = 10_000;
/// Last uses that are written in one transaction.
pub const LAST_USE_BATCH_MAX: usize = 500;

/// Time between two rounds of housekeeping in the ledger.
pub const HOUSEKEEPING_INTERVAL: Duration = Duration::from_secs(60);

/// Time to wait when no further connection can be accepted (too many open files) before the next try.
pub const ACCEPT_RETRY_DELAY: Duration = Duration::from_millis(50);
/// Time for which last uses of sessions are gathered before they are written together. With the quarter of an idle time after which a use
/// is written again it is shorter than the shortest idle time, a second: no other gateway takes a session in use for idle.
pub const LAST_USE_GATHER_DELAY: Duration = Duration::from_millis(500);

// --- load ----------------------------------------------------------------------------------------------------------
/// Scans and sales that may be in progress at once when the gateway starts.
pub const IN_FLIGHT_START_COUNT: usize = 400;
/// The least that this limit falls to, however slow they are: so many terminals are always served.
pub const IN_FLIGHT_MIN: usize = 320;
/// The most that this limit rises to, however fast they are.
pub const IN_FLIGHT_MAX: usize = 8_192;
/// Time that scans and sales may take on average before fewer are accepted; more where a commit itself takes long.
pub const SCAN_TARGET_TIMEOUT: Duration = Duration::from_millis(40);
/// Time between two requests that a worker without time to spare reads from connections that were answered busy and send again at once.
pub const OVERLOAD_EACH_DELAY: Duration = Duration::from_millis(1);
/// Time for which it does not read from such a connection at most; less than the second that clients are asked to wait.
pub const OVERLOAD_DELAY_MAX: Duration = Duration::from_millis(250);
/// Time between two checks of whether a worker thread has time to spare.
pub const WORKER_CHECK_INTERVAL: Duration = Duration::from_millis(50);
/// Lists that are read at once.
pub const LISTS_AT_ONCE_MAX: usize = 128;
/// Time over which the average is taken.
pub const SHED_WINDOW_INTERVAL: Duration = Duration::from_millis(100);
/// Answers that make an average.
pub const SHED_SAMPLES_MIN: u32 = 16;
/// Time for which the fastest commit is remembered, and as long again.
pub const SHED_FLOOR_INTERVAL: Duration = Duration::from_secs(60);
/// Time for which lower priorities are refused after a higher one was refused, in milliseconds.
pub const SHED_HOLD_MILLIS: u64 = 500;

// --- queues and batches --------------------------------------------------------------------------------------------
/// Entries that may wait for one organisation's committer.
pub const COMMIT_QUEUE_MAX: usize = 8_192;
/// Pages of 4 KiB in the log of the embedded ledger from which on it is checkpointed into the file. Seldom, because keys are spread over many
/// pages, and each of them is copied once however often it changed.
pub const CHECKPOINT_PAGES: u32 = 8_192;
/// The same during a write, if the checkpoint task has not done it.
pub const CHECKPOINT_PAGES_MAX: u32 = 65_536;
/// Time between two checks of how long that log is.
pub const CHECKPOINT_INTERVAL: Duration = Duration::from_millis(250);
/// Memory that the connection which writes to the embedded ledger may keep of its pages, in KiB.
pub const CACHE_KIBIBYTES: u32 = 8_192;
/// The same for each connection that only reads: the upper levels of the trees; the system keeps the rest of the file once for all of them.
pub const READER_CACHE_KIBIBYTES: u32 = 1_024;
/// Entries that are written in one statement.
pub const BATCH_MAX: usize = 512;
/// Sales that are written in one statement.
pub const SALES_BATCH_MAX: usize = 128;
/// Check-ins of guests that are written together at most.
pub const CHECK_INS_BATCH_MAX: usize = 128;
/// Times that a batch is tried when the ledger reports a deadlock or a lost race.
pub const BATCH_TRIES_MAX: usize = 8;
/// Batches of scans that go to the general function at once, after one was not as plain as it looked.
pub const CAREFUL_BATCHES_COUNT: u32 = 64;
/// Connections to the ledger that the committers share.
pub const COMMIT_CONNECTIONS_MAX: usize = 4;
/// Connections to the ledger that fresh looks share.
pub const LOOK_CONNECTIONS_MAX: usize = 4;
/// Memory that Argon2id fills for a password, in KiB. With the passes it is one of the pairs that OWASP's cheat sheet on password storage
/// calls equally strong; of them it takes the least memory, and here a quarter less time than 19 MiB in two passes.
pub const PASSWORD_MEMORY_KIBIBYTES: u32 = 7 * 1_024;
/// Passes over that memory.
pub const PASSWORD_PASSES_COUNT: u32 = 5;
/// Password checks that run at once, at the most; half the cores otherwise, so that scans never wait for them.
pub const PASSWORD_THREADS_MAX: usize = 8;
/// The nice value of their threads, of 19: they get a tenth of a core when scans want all of it, so that sign-ins go on even then.
pub const PASSWORD_NICE_LEVEL: i32 = 10;
/// Time after which one of their threads ends when no password is to be checked.
pub const PASSWORD_REST_TIMEOUT: Duration = Duration::from_secs(3);
/// Password checks that may wait; past it a sign-in is answered `busy`.
pub const PASSWORD_QUEUE_MAX: usize = 512;
/// Time that a sign-in may wait for its password check.
pub const PASSWORD_WAIT_TIMEOUT: Duration = Duration::from_secs(30);

/// Failed sign-ins of one user name at one source that are remembered; further ones are not tried.
pub const FAILED_SIGN_INS_MAX: u32 = 100;
/// Time after which one of them is forgotten, and another may be tried.
pub const FAILED_SIGN_IN_INTERVAL: Duration = Duration::from_millis(600);
/// User names and sources whose failures are remembered.
pub const FAILED_SIGN_INS_REMEMBERED_MAX: usize = 100_000;

/// Refused scans that wait to be written down; further ones are lost.
pub const REFUSED_QUEUE_MAX: usize = 10_000;
/// Refused scans that are written down in one transaction; few, for on SQLite admissions wait for it.
pub const REFUSED_BATCH_MAX: usize = 200;
/// Time for which refused scans are gathered before they are written together.
pub const REFUSED_GATHER_DELAY: Duration = Duration::from_millis(100);
/// Time that is taken to write the waiting ones when the gateway stops.
pub const REFUSED_DRAIN_TIMEOUT: Duration = Duration::from_secs(2);
/// Old refused scans that are forgotten in one statement.
pub const REFUSED_PRUNED_ROWS: i64 = 5_000;
/// Connections to the ledger that the log of refused scans has for itself.
pub const REFUSED_CONNECTIONS_MAX: usize = 1;

// --- values --------------------------------------------------------------------------------------------------------
/// Items of a list when the caller names no number.
pub const PAGE_DEFAULT_ROWS: u32 = 100;
/// Items of a list at the most.
pub const PAGE_ROWS_MAX: u32 = 1_000;
/// Bytes of a ticket code.
pub const CODE_BYTES: usize = 512;
/// Characters of a name (of a person, a device, an event, a ticket type, a gate, a venue).
pub const NAME_CHARS: usize = 200;
/// Characters of an organisation's slug.
pub const SLUG_CHARS: usize = 63;
/// Characters of a user name.
pub const USERNAME_CHARS: usize = 100;
/// Characters of an e-mail address before the at sign (RFC 5321 section 4.5.3.1).
pub const EMAIL_LOCAL_CHARS: usize = 64;
/// Characters of an e-mail address after the at sign: with the longest local part, 254 in all (RFC 5321 section 4.5.3.1).
pub const EMAIL_DOMAIN_CHARS: usize = 189;
/// Characters of a password, least.
pub const PASSWORD_MIN_CHARS: usize = 8;
/// Characters of a password, most: Argon2 reads every byte of it.
pub const PASSWORD_MAX_CHARS: usize = 256;
/// Characters of a card payment's reference.
pub const REFERENCE_CHARS: usize = 200;
/// Lines of a sale.
pub const SALE_LINES_MAX: usize = 50;
/// Tickets of one line of a sale.
pub const LINE_QUANTITY_MAX: u32 = 100;
/// Holds of one till that are live at once: enough for a queue at a counter, and too few to block all stock.
pub const HOLDS_PER_TILL_MAX: i32 = 10;
/// Characters of the reason of a void.
pub const REASON_CHARS: usize = 500;
/// Entries that one ticket may allow.
pub const ENTRIES_ALLOWED_MAX: u32 = 10_000;
/// Tickets that a quota may hold.
pub const QUOTA_MAX: u32 = 10_000_000;
/// Ticket types of one event.
pub const TICKET_TYPES_MAX: usize = 500;
/// Gates that a ticket type may name.
pub const GATES_MAX: usize = 100;
/// Events that a member may be granted.
pub const MEMBER_EVENTS_MAX: usize = 1_000;
/// Digits of an amount before the decimal point.
pub const MONEY_DIGITS: u32 = 12;
/// Tickets of one JSON upload.
pub const UPLOAD_TICKETS_MAX: usize = 1_000;
/// Rows of one CSV upload.
pub const UPLOAD_ROWS_MAX: usize = 1_000_000;
/// Tickets that are stored in one transaction of an upload or an import: scans of the organisation wait for no more than these.
pub const UPLOAD_CHUNK_ROWS: usize = 250;
/// Bytes of a cell of an imported file, read or skipped; beyond it, a quotation mark was not closed.
pub const IMPORT_FIELD_BYTES: usize = 64 * 1024;
/// Bytes after which reading of an imported file stops when its record has no end; bounds the memory of an import.
pub const IMPORT_RECORD_BYTES: u64 = 1024 * 1024;
/// Bytes of an imported file's start that are examined before anything is read: for its separator and its encoding.
pub const IMPORT_START_BYTES: u64 = 256 * 1024;
/// Tickets of one imported file; bounds the memory of an import, which remembers the codes that it has read.
pub const IMPORT_ROWS_MAX: u64 = 2_000_000;
/// Prices of one ticket type that are counted to find the usual one.
pub const IMPORT_PRICES_MAX: usize = 1_000;
/// Chunks of an imported file that were read and wait to be stored.
pub const IMPORT_BATCHES_MAX: usize = 2;
/// Bytes of an imported file that was packed with gzip, unpacked. They are read as a stream: this bounds time, not memory.
pub const IMPORT_UNPACKED_BYTES: u64 = 1024 * 1024 * 1024;
/// Bytes of all parts of an imported Excel file, unpacked.
pub const IMPORT_SHEET_BYTES: u64 = 256 * 1024 * 1024;
/// Columns of an imported Excel file that are read: as many as a sheet can have.
pub const IMPORT_COLUMNS_MAX: usize = 16_384;
/// Bytes of one order of an imported JSON file, and of everything before the orders.
pub const IMPORT_JSON_PART_BYTES: u64 = 4 * 1024 * 1024;
/// Rejected rows that an answer names; the rest are counted.
pub const REJECTED_NAMED_MAX: usize = 10_000;
/// Guest lists of one event.
pub const GUEST_LISTS_MAX: i64 = 200;
/// Guests of one event.
pub const GUESTS_MAX: i64 = 50_000;
/// Guests that one call adds or changes.
pub const GUESTS_AT_ONCE_MAX: usize = 1_000;
/// People of one party.
pub const PARTY_SIZE_MAX: u32 = 1_000;
/// Characters of a note on a guest or on a list.
pub const NOTE_CHARS: usize = 500;
/// Bytes of a guest's name as it is searched; an index of the ledger holds no more.
pub const NAME_KEY_BYTES: usize = 2_000;
/// Characters of what is searched for.
pub const QUERY_CHARS: usize = 200;
/// Words of what is searched for that count.
pub const QUERY_WORDS_MAX: usize = 8;
/// The first year that a body may name.
pub const YEAR_MIN: i32 = 1;
/// The last year that a body may name.
pub const YEAR_MAX: i32 = 9999;
/// Days for which refused scans are kept.
pub const REFUSED_DAYS: i64 = 90;
/// Minutes after a scan or a check-in within which its device may take it back.
pub const TAKE_BACK_MINUTES: i64 = 15;
/// Minutes that an enrolment code works.
pub const ENROLMENT_MINUTES: i64 = 15;
/// Devices of one batch.
pub const BATCH_DEVICES_MAX: u32 = 100;
/// Minutes that the codes of a batch work unless another time is named: its sheet is printed in the afternoon and used until the night.
pub const BATCH_DEFAULT_MINUTES: u32 = 720;
/// Minutes that the codes of a batch work at the most.
pub const BATCH_MINUTES_MAX: u32 = 1_440;
/// Days that a device token works before the device has to be enrolled again.
pub const DEVICE_TOKEN_DAYS: i64 = 400;

// --- streams -------------------------------------------------------------------------------------------------------
/// Streams that a gateway holds open; past it the answer is `busy`.
pub const STREAMS_MAX: usize = 5_000;
/// Streams that one session holds open; past it the answer is `too_many_requests`.
pub const STREAMS_PER_SESSION_MAX: usize = 3;
/// Messages that may wait to be read on one stream; a stream whose client reads too slowly is closed.
pub const STREAM_QUEUE_MAX: usize = 64;
/// Changes that may wait for one stream's session; after more, the stream sends the whole state anew.
pub const STREAM_NOTICES_MAX: usize = 256;
/// Stream sessions that read the ledger at once.
pub const STREAM_READS_MAX: usize = 2;
/// Events that a stream may name, and events whose stock one stream sends.
pub const STREAM_EVENTS_MAX: usize = 100;
/// Live events of which those are selected that a stream's caller may see.
pub const STREAM_LIVE_EVENTS_MAX: u32 = 1_000;
/// Time after which a quiet stream sends a keep-alive.
pub const STREAM_KEEP_ALIVE_INTERVAL: Duration = Duration::from_secs(15);
/// Time after which a client is asked to reconnect when its stream has ended.
pub const STREAM_RETRY_DELAY: Duration = Duration::from_secs(1);
/// Time that a client gets to read the rest of a stream that has ended.
pub const STREAM_END_TIMEOUT: Duration = Duration::from_secs(2);
/// Time between two reads of the stock of events with subscribers, at most.
pub const STOCK_POLL_INTERVAL: Duration = Duration::from_millis(250);
/// Time between two reads of the stock, at least.
pub const STOCK_REST_MIN: Duration = Duration::from_millis(50);
/// Time between two reads of the stock, when a read takes long.
pub const STOCK_REST_MAX: Duration = Duration::from_secs(1);
/// Time between two counts of the attendance, when a count takes long.
pub const ATTENDANCE_REST_MAX: Duration = Duration::from_secs(20);
/// Time between two counts of the attendance of events with subscribers, at least.
pub const ATTENDANCE_REST_MIN: Duration = Duration::from_secs(1);
/// Events whose attendance one stream sends.
pub const STREAM_COUNTS_MAX: usize = 10;
/// The samplers pause so many times as long as their last read took.
pub const SAMPLER_REST_FACTOR: u32 = 20;
/// Time for which what was sent to a client may go unacknowledged before its connection is given up.
pub const UNACKNOWLEDGED_TIMEOUT: Duration = Duration::from_secs(30);
