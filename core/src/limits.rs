//! Every limit of Shanty, with its reason. Numbers that bound what a peer, a person or Discord may send or be sent live here.

/// Longest payload of a spool record and longest slice in a frame, bytes. Small enough that one frame never holds up a link.
pub const CHUNK_BYTES_MAX: usize = 32 * 1024;

/// Output kept of one execution, bytes, before the rest is discarded and only the end is kept.
pub const OUTPUT_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// The end of an output that went over its maximum, bytes: people need the end.
pub const OUTPUT_RING_BYTES: usize = 256 * 1024;

/// Unreleased spools of one agent, bytes; past it commands wait.
pub const SPOOL_TOTAL_BYTES_MAX: u64 = 512 * 1024 * 1024;

/// A command's time when nobody said one, milliseconds.
pub const TIMEOUT_MS_DEFAULT: u64 = 300_000;

/// Time that an update has unless somebody says otherwise, milliseconds: fetching over a slow line, waiting for its turn, and the minute in
/// which the new version must prove itself.
pub const UPDATE_MS: u64 = 900_000;

/// The same of a doctor, which waits for networks that do not answer.
pub const DOCTOR_MS: u64 = 120_000;

/// The longest timeout that may be asked for, milliseconds: one day.
pub const TIMEOUT_MS_MAX: u64 = 24 * 3_600_000;

/// Between TERM and KILL, milliseconds.
pub const GRACE_MS: u64 = 10_000;

/// Descendants still alive this long after the main process ended are killed, milliseconds.
pub const LEFT_OVER_MS: u64 = 2_000;

/// Longest command, bytes. Discord's string options end at 6,000 characters.
pub const COMMAND_BYTES_MAX: usize = 6_000;

/// Longest script, bytes: what Discord lets most people attach.
pub const SCRIPT_BYTES_MAX: u64 = 8 * 1024 * 1024;

/// Longest standard input of a run, bytes. It is kept before anything runs, and every host is sent all of it.
pub const STDIN_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// Inputs of runs that the controller keeps, bytes; past it no other one is taken.
pub const INPUTS_TOTAL_BYTES_MAX: u64 = 8 * 1024 * 1024 * 1024;

/// A host that waits for the next slice of an input gives up after this long, milliseconds.
pub const INPUT_SILENCE_MS: u64 = 60_000;

/// Longest selector, bytes.
pub const SELECTOR_BYTES_MAX: usize = 6_000;

/// Deepest nesting of parentheses in a selector: recursion must not reach the end of a stack.
pub const SELECTOR_DEPTH_MAX: usize = 32;

/// Names that one range such as `web[1-10000]` may stand for.
pub const RANGE_NAMES_MAX: usize = 10_000;

/// More hosts than this are shown to the person before anything runs on them.
pub const CONFIRM_HOSTS: usize = 10;

/// What was shown can be confirmed for this long, milliseconds: Discord lets an answer that only one person sees be changed for as long.
pub const PREVIEW_MS: u64 = 15 * 60_000;

/// Previews that wait for a word; past it the oldest is forgotten.
pub const PREVIEWS_MAX: usize = 512;

/// Runs that are over stay whole in memory, the newest ones, until there are more than this; older ones are read again when somebody asks.
pub const RUNS_WHOLE_MAX: usize = 2_000;

/// Executions of whole runs, likewise.
pub const EXECUTIONS_WHOLE_MAX: usize = 100_000;

/// An interaction for which something was done is remembered so long, milliseconds: Discord repeats one after a lost connection, and a token
/// of one is good for a quarter of an hour.
pub const INTERACTION_MS: u64 = 3_600_000;

/// What is older than this is not done any more where nothing else proves that it is fresh, milliseconds: whoever asked was told long ago
/// that nobody answered.
pub const REPEATED_MS: u64 = 60_000;

/// A run that was accepted and hears neither that its card was taken nor that it was not is given up after so long, milliseconds.
pub const ACCEPTED_MS: u64 = 60_000;

/// How long hosts that are away may be waited for, milliseconds: the shortest, the default, and the longest.
pub const QUEUE_MS: (u64, u64, u64) = (60_000, 24 * 3_600_000, 7 * 24 * 3_600_000);

/// A run that is paused goes on within this time, milliseconds, or ends: nobody remembers next week what half of it has done.
pub const PAUSE_MS: u64 = 24 * 3_600_000;

/// What a run was given stays at least so long, milliseconds, whatever is said of its output: hosts may be waited for, and waves may rest.
pub const INPUT_KEPT_MS: u64 = QUEUE_MS.2 + 7 * PAUSE_MS;

/// The time in which runs of a person and of a channel are counted, milliseconds.
pub const RATE_MS: u64 = 60_000;

/// Of the refusals of one person whom no grant names one of each kind is recorded in so long, and then their number, milliseconds: anybody in the server
/// can be refused as often as they like, and each record is a write to the disk.
pub const DENIALS_MS: u64 = 60_000;

/// Runs that one person may start in that time: nobody types as many, and a program with somebody's account is kept from more.
pub const PERSON_RUNS: usize = 120;

/// Runs that may be started in one channel in that time.
pub const CHANNEL_RUNS: usize = 480;

/// Runs of one person whose commands are under way at once. Runs that only wait for hosts, or rest, do not count.
pub const PERSON_RUNNING: usize = 10;

/// The same of one channel, with its threads.
pub const CHANNEL_RUNNING: usize = 40;

/// Who presses *Run again* twice within this time, milliseconds, wants one run: a press is answered within three seconds, and a finger is faster.
pub const PRESSED_AGAIN_MS: u64 = 10_000;

/// So far a clock may be behind Discord's, milliseconds. What is from further ahead is not done: its age says nothing.
pub const AHEAD_MS: u64 = 60_000;

/// What was heard of somebody's roles is good for so long, milliseconds: a run in waves asks once for the hosts that start together, and a
/// role that is taken away holds for the next of them.
pub const MEMBER_MS: u64 = 5_000;

/// After a restart of the controller a host that is away may just not have dialled yet: a run in waves waits so long for it, milliseconds. It
/// is longer than the longest wait of [`RECONNECT_MS`].
pub const BACK_MS: u64 = 90_000;

/// Saved groups.
pub const GROUPS_MAX: usize = 500;

/// Labels of one host.
pub const LABELS_MAX: usize = 64;

/// An order must start within this time, milliseconds by the controller's clock: a late one is refused, not run.
pub const ORDER_NOT_AFTER_MS: u64 = 30_000;

/// How long an agent remembers orders after they ran out, milliseconds, so that none starts twice.
pub const ORDER_MEMORY_MS: u64 = 3_600_000;

/// Output sent and not acknowledged on one link, bytes; then the spool absorbs.
pub const IN_FLIGHT_BYTES_MAX: u64 = 4 * 1024 * 1024;

/// Longest message on a link, bytes, both ways.
pub const FRAME_BYTES_MAX: usize = 1024 * 1024;

/// Longest order, bytes. A command takes 6 kB; the rest is room for environments and argument lists.
pub const ORDER_BYTES_MAX: usize = 256 * 1024;

/// Longest word of a command and longest value of a variable, bytes: Linux refuses arguments from 128 KiB.
pub const ORDER_WORD_BYTES_MAX: usize = 100 * 1024;

/// Most words of a command, and most variables that an order sets.
pub const ORDER_WORDS_MAX: usize = 1_024;

/// Longest name of a variable, bytes.
pub const VARIABLE_NAME_BYTES_MAX: usize = 128;

/// Longest path, bytes (Linux).
pub const PATH_BYTES_MAX: usize = 4_096;

/// TLS handshakes under way at once on one listener; more wait in its backlog.
pub const HANDSHAKES_MAX: usize = 64;

/// The same of one network: an IPv4 address, or the /64 of an IPv6 address. Whoever is slow there holds up nobody elsewhere.
pub const HANDSHAKES_NETWORK_MAX: usize = 8;

/// Handshakes that one network may begin: so many at once, as when the controller comes back, and so many a second. Each costs signatures; others
/// wait, and agents that waited too long dial again.
pub const HANDSHAKE_RATE: (u32, u32) = (256, 50);

/// A connection says what a handshake begins with in this time, milliseconds, before it takes any place.
pub const CLIENT_HELLO_MS: u64 = 2_000;

/// Connections of one listener that wait for their handshake, and the same of one network; past it the oldest is dropped.
pub const BACKLOG_MAX: usize = 2_048;

/// See [`BACKLOG_MAX`]. All agents of a site may come from one address.
pub const BACKLOG_NETWORK_MAX: usize = 256;

/// A handshake, and the first message of a link, must be done in this time, milliseconds.
pub const HANDSHAKE_MS_MAX: u64 = 10_000;

/// Messages of a link besides output: so many at once, which is what an agent says that comes back with all that it holds, and so many a
/// second. What comes faster waits in the network.
pub const CONTROL_MAX: (u32, u32) = (2_000, 50);

/// Joins that one network may ask for: so many at once, as when a site is set up, and so many a second. Others wait.
pub const JOINS_MAX: (u32, u32) = (256, 20);

/// Files that are fetched from the join listener at once, and the same by one network. Others wait for a moment, and are then told to come again.
pub const DOWNLOADS_MAX: usize = 64;

/// See [`DOWNLOADS_MAX`].
pub const DOWNLOADS_NETWORK_MAX: usize = 16;

/// Whoever wants to fetch a file waits so long for a place, milliseconds.
pub const DOWNLOAD_WAIT_MS: u64 = 5_000;

/// A download moves so many bytes a second, or ends: a slow line fetches an agent with that, and who reads nothing holds no place.
pub const DOWNLOAD_LEAST: u64 = 16 * 1024;

/// From so long after its beginning on, milliseconds.
pub const DOWNLOAD_GRACE_MS: u64 = 10_000;

/// Who holds a place for longer than this, milliseconds, and moves nothing makes room for whoever waits for one.
pub const STALLED_MS: u64 = 5_000;

/// Output of one host that nobody has released yet, bytes: twice what an agent may hold. Past it the link is closed.
pub const HELD_BYTES_MAX: u64 = 2 * SPOOL_TOTAL_BYTES_MAX;

/// What a host has used of what it may is known for this long after it was last seen to, milliseconds. So is output that it does not say it
/// holds: who has lost it is not kept out for it.
pub const BUDGET_MEMORY_MS: u64 = 60 * 60_000;

/// The controller pings a link this often, milliseconds.
pub const PING_MS: u64 = 15_000;

/// Without a message for this long a link is stale: a ping went unanswered for ten seconds, milliseconds.
pub const STALE_MS: u64 = 25_000;

/// Without a message for this long a host is offline, milliseconds.
pub const OFFLINE_MS: u64 = 45_000;

/// Another machine wants a link with the identity of a host that has one: that host has this long to answer, milliseconds.
pub const PROBE_MS: u64 = 5_000;

/// That two machines use one identity is shown for so long after it was last seen, milliseconds: the second dials again within
/// [`RECONNECT_MS`].
pub const DUPLICATE_MS: u64 = 10 * 60_000;

/// A host's certificate is good for so long unless the operator says otherwise, milliseconds: a weekend without the controller, and half of it
/// before it is renewed. Whoever steals one has no more than that.
pub const LEAF_MS: u64 = 72 * 3_600_000;

/// So long after it ran out a host may renew it, with proof of its key, unless the operator says otherwise, milliseconds: a week off.
pub const LATE_MS: u64 = 7 * 24 * 3_600_000;

/// Between two certificates of one host, milliseconds, or a twentieth of their life: each costs a signature and a record.
pub const RENEWAL_MS: u64 = 60_000;

/// Connections of one identity at once: a new one while the end of the old one is not known yet.
pub const CONNECTIONS_MAX: usize = 2;

/// First and longest wait before an agent dials again, milliseconds; the wait is drawn evenly from zero to the current bound.
pub const RECONNECT_MS: (u64, u64) = (1_000, 60_000);

/// How long after its own deadline an execution on a host that is away stays open before it is called lost, milliseconds.
pub const AWAY_MS: u64 = 15 * 60_000;

/// Metrics are told this often, milliseconds.
pub const METRICS_MS: u64 = 30_000;

/// A join token's life when nobody said one, milliseconds, and the longest.
pub const TOKEN_MS: (u64, u64) = (30 * 60_000, 7 * 24 * 3_600_000);

/// Most uses of one join token.
pub const TOKEN_USES_MAX: u32 = 10_000;

/// Characters in the content of a message (Discord: 2,000). Counted in UTF-16 units to be on the safe side.
pub const MESSAGE_CHARS_MAX: usize = 2_000;

/// Characters of a page, fences and header included, before it is sealed.
pub const PAGE_CHARS_MAX: usize = 1_900;

/// Pages of one host that are posted whole; after them one tail page is edited in place and the whole output is attached.
pub const PAGES_WHOLE_MAX: usize = 3;

/// Characters of all text displays of one message, UTF-16 units (Discord: 4,000).
pub const CARD_CHARS_MAX: usize = 4_000;

/// Characters of a line before it is folded.
pub const LINE_CHARS_MAX: usize = 1_000;

/// Combining marks kept on one character.
pub const COMBINING_MARKS_MAX: usize = 8;

/// Components in one message, nested ones counted (Discord).
pub const COMPONENTS_MAX: usize = 40;

/// Characters in one text display (twilight's validation; Discord allows 4,000 in all).
pub const TEXT_DISPLAY_CHARS_MAX: usize = 2_000;

/// Characters of a field of a form, UTF-16 units (Discord).
pub const FORM_CHARS_MAX: usize = 4_000;

/// UTF-8 bytes of all text displays plus 12 for each: past 10,170 Discord answers 500.
pub const CARD_BYTES_MAX: usize = 10_000;

/// Bytes of the output of one host that is compared with others without what they may differ in; of all of one run together, in the order
/// of its groups. What is over either is compared exactly: it is read again for whoever opens a group.
pub const COMPARED_BYTES_MAX: (u64, u64) = (256 * 1024, 32 * 1024 * 1024);

/// Lines and characters of output shown on the card itself, so that a short answer needs no thread.
pub const CARD_OUTPUT_MAX: (usize, usize) = (15, 900);

/// Choices in one autocomplete answer (Discord), and the characters of each.
pub const CHOICES_MAX: usize = 25;

/// Characters of an autocomplete choice, a thread name and a custom id (Discord).
pub const NAME_CHARS_MAX: usize = 100;

/// Bytes of one attached file (Discord's default).
pub const ATTACHMENT_BYTES_MAX: usize = 10 * 1024 * 1024;

/// Bytes that a file has of the beginning of an output that is too long for one.
pub const LOG_FIRST_BYTES: u64 = 8 * 1024 * 1024;

/// Bytes that a file has of its end.
pub const LOG_LAST_BYTES: u64 = 1024 * 1024;
