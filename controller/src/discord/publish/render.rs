//! The newest state of a block, as the call that shows it.

use shanty_core::ask::Snapshot;
use shanty_core::outbox::{Key as _, Lane, Next};
use shanty_core::thread::{Block, Look, Message, Status};
use shanty_core::view;

use super::Publisher;
use crate::discord::call::Call;
use crate::discord::requests::{Content, NewMessage, Nonce, RequestError, Sound};

/// Whose token a call carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum By {
    /// The bot's.
    Bot,
    /// The interaction's that the message answers.
    Token,
}

/// A call that is ready to be made.
pub(super) enum Rendered {
    /// Makes the thread.
    Thread(Call),
    /// Creates or edits a block's message, which shows the state of this digest then, with this token.
    Message(Block, u64, By, Call),
}

impl Publisher {
    /// What a lane should write now; nothing when nothing is wanted any more.
    ///
    /// # Errors
    /// The block cannot be formed, now or later.
    pub(super) fn render(
        &mut self,
        lane: Lane,
        now_ms: u64,
    ) -> Result<Option<Rendered>, (Block, RequestError)> {
        if self.dirty {
            self.lay_out(now_ms);
        }
        let (block, existing) = match self.outbox.next(lane, now_ms) {
            Next::Create(block) => (block, None),
            Next::Edit(block, message) => (block, Some(message)),
            Next::At(_) | Next::Idle => return Ok(None),
        };
        let channel = match (lane, self.thread_id) {
            (Lane::Channel, _) => self.channel,
            (Lane::Thread, Some(thread)) => thread,
            (Lane::Thread, None) => {
                let call = self.create_thread().map_err(|error| (block, error))?;
                return Ok(Some(Rendered::Thread(call)));
            }
        };
        let Some(message) = self.thread.message_of(block) else {
            return Ok(None);
        };
        let (by, call) = match existing {
            Some(existing) => self.edit(channel, existing, message, now_ms),
            None => (By::Bot, self.create(channel, message)),
        };
        let call = call.map_err(|error| (block, error))?;
        Ok(Some(Rendered::Message(block, message.digest, by, call)))
    }

    /// How the run stands, and where it is shown.
    pub(super) fn status<'a>(&self, snapshot: &'a Snapshot, now_ms: u64) -> Status<'a> {
        Status {
            run: &snapshot.run,
            run_as: &snapshot.run_as,
            spool_full: &snapshot.spool_full,
            thread: self.guild.zip(self.thread_id),
            place: self.guild.map(|guild| (guild, self.channel)),
            cards: self.cards(),
            now_ms,
        }
    }

    fn create_thread(&self) -> Result<Call, RequestError> {
        let card = self.outbox.message(Block::Card(0)).unwrap_or_default();
        let name = view::thread_name(&self.snapshot().run);
        self.edge.requests.create_thread(self.channel, card, &name)
    }

    fn edit(
        &self,
        channel: u64,
        existing: u64,
        message: &Message,
        now_ms: u64,
    ) -> (By, Result<Call, RequestError>) {
        let requests = &self.edge.requests;
        match (&message.look, self.by_token(message.block, now_ms)) {
            (Look::Card(card), Some(token)) => {
                (By::Token, requests.edit_original(token.reply_to(), card))
            }
            (Look::Card(card), None) => (By::Bot, requests.edit_card(channel, existing, card)),
            (Look::Text(text), _) => (By::Bot, requests.edit_text(channel, existing, text)),
        }
    }

    fn create(&self, channel: u64, message: &Message) -> Result<Call, RequestError> {
        let files = self.files.as_ref();
        let files = files.filter(|_| message.block == Block::Files);
        let files = files.map_or(&[][..], |files| files);
        let content = match &message.look {
            Look::Card(card) => Content::Card(card),
            Look::Text(text) => Content::Text { text, files },
        };
        let sound = match message.block.lane() {
            Lane::Channel => Sound::Loud,
            Lane::Thread => Sound::Quiet,
        };
        let message = NewMessage {
            content,
            nonce: Nonce::of(&self.run, &nonce_name(message.block)),
            sound,
            mention: message.mention,
        };
        self.edge.requests.create_message(channel, &message)
    }
}

/// What the nonce of a block's message is made of: always the same for the same block.
fn nonce_name(block: Block) -> String {
    match block {
        Block::Card(0) => "card".to_owned(),
        Block::Card(number) => format!("card {number}"),
        Block::NotStarted => "expired".to_owned(),
        Block::Page(number) => format!("page {number}"),
        Block::Files => "files".to_owned(),
        Block::Farewell => "farewell".to_owned(),
    }
}
