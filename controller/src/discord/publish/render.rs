//! The newest state of a block, as the call that shows it.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use bytes::Bytes;
use shanty_core::ask::Snapshot;
use shanty_core::outbox::{Block, Lane, Next};
use shanty_core::view::{self, Card, Scene};

use super::{Publisher, mention_of};
use crate::discord::call::Call;
use crate::discord::requests::{Content, File, NewMessage, Nonce, RequestError, Sound};

/// A write that is ready to be sent.
pub(super) enum Written {
    /// Makes the thread.
    Thread(Call),
    /// Creates or edits a block's message, which shows the state of this digest then.
    Message(Block, u64, Call),
}

/// Tells states apart.
pub(super) fn digest(text: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    // Zero is the digest of nothing.
    hasher.finish().max(1)
}

/// Tells looks of a card apart.
pub(in crate::discord) fn card_digest(card: &Card) -> u64 {
    digest(&format!("{card:?}"))
}

impl Publisher {
    /// What a lane should write now; nothing when nothing is wanted any more.
    ///
    /// # Errors
    /// The block cannot be formed, now or later.
    pub(super) fn render(
        &self,
        lane: Lane,
        now_ms: u64,
    ) -> Result<Option<Written>, (Block, RequestError)> {
        let (block, message) = match self.outbox.next(lane, now_ms) {
            Next::Create(block) => (block, None),
            Next::Edit(block, message) => (block, Some(message)),
            Next::At(_) | Next::Idle => return Ok(None),
        };
        let call = if lane == Lane::Thread && self.thread.is_none() {
            self.make_thread().map(Written::Thread)
        } else {
            self.write(block, message)
                .map(|(digest, call)| Written::Message(block, digest, call))
        };
        call.map(Some).map_err(|error| (block, error))
    }

    fn make_thread(&self) -> Result<Call, RequestError> {
        let card = self.outbox.message(Block::Card).unwrap_or_default();
        let name = view::thread_name(&self.snapshot().run);
        self.edge.requests.create_thread(self.channel, card, &name)
    }

    fn write(&self, block: Block, message: Option<u64>) -> Result<(u64, Call), RequestError> {
        let snapshot = self.snapshot();
        let thread = self.thread.unwrap_or_default();
        match block {
            Block::Card => {
                let card = self.card(&snapshot);
                let digest = card_digest(&card);
                let call = match message {
                    Some(message) => self.edge.requests.edit_card(self.channel, message, &card),
                    None => self.create(
                        self.channel,
                        Content::Card(&card),
                        "card",
                        Sound::Loud,
                        None,
                    ),
                };
                Ok((digest, call?))
            }
            Block::Page(host, number) => {
                let page = self.hosts.get(host).and_then(|host| host.page(number));
                let text = page.map(|page| page.text).unwrap_or_default();
                let call = match message {
                    Some(message) => self.edge.requests.edit_text(thread, message, &text),
                    None => {
                        let content = Content::Text {
                            text: &text,
                            files: &[],
                        };
                        self.create(
                            thread,
                            content,
                            &format!("page {host} {number}"),
                            Sound::Quiet,
                            None,
                        )
                    }
                };
                Ok((digest(&text), call?))
            }
            Block::Whole(host) => {
                let (text, files) = self.whole(host);
                let content = Content::Text {
                    text: &text,
                    files: &files,
                };
                let call = self.create(
                    thread,
                    content,
                    &format!("whole {host}"),
                    Sound::Quiet,
                    None,
                );
                Ok((1, call?))
            }
            Block::Farewell => {
                let user = mention_of(&snapshot.run);
                let who = user.map_or_else(String::new, |user| format!("<@{user}> "));
                let text = format!("{who}{}", view::run_summary(&snapshot.run));
                let content = Content::Text {
                    text: &text,
                    files: &[],
                };
                let call = self.create(self.channel, content, "farewell", Sound::Loud, user);
                Ok((1, call?))
            }
        }
    }

    fn create(
        &self,
        channel: u64,
        content: Content<'_>,
        block: &str,
        sound: Sound,
        mention: Option<u64>,
    ) -> Result<Call, RequestError> {
        let nonce = Nonce::of(&self.snapshot().run.spec.id, block);
        let message = NewMessage {
            content,
            nonce,
            sound,
            mention,
        };
        self.edge.requests.create_message(channel, &message)
    }

    fn whole(&self, host: usize) -> (String, Vec<File>) {
        let (Some(host), Some((_, whole))) = (self.hosts.get(host), &self.whole) else {
            return (String::new(), Vec::new());
        };
        let (name, number) = (&host.name, self.snapshot().run.number.0);
        let file = |(part, bytes): (&str, &[u8])| File {
            name: format!("{name}.{number}{part}.log"),
            bytes: Bytes::copy_from_slice(bytes),
        };
        let note = &whole.note;
        let text = format!(
            "**{name}** · {note}\n-# all of it: `shanty runs output {number} --host {name}`"
        );
        (text, whole.parts().into_iter().map(file).collect())
    }

    pub(super) fn card(&self, snapshot: &Snapshot) -> Card {
        let guild = self
            .guild
            .or_else(|| snapshot.run.spec.origin.place().map(|place| place.guild));
        // Beside what is not shown any more, the rest would look like all.
        let whole = self.hosts.iter().all(|host| !host.silent);
        let outputs = self.hosts.iter().filter(|_| whole).filter_map(|host| {
            let text = host.short()?;
            (!text.trim().is_empty()).then(|| (host.name.to_string(), text))
        });
        let scene = Scene {
            run_as: snapshot.run_as.clone(),
            thread: guild.zip(self.thread),
            outputs: outputs.collect(),
            spool_full: snapshot.spool_full.clone(),
            remark: self.remark(snapshot),
        };
        view::run_card(&snapshot.run, &scene)
    }

    /// What people should know about how the run is shown.
    fn remark(&self, snapshot: &Snapshot) -> Option<String> {
        let number = snapshot.run.number.0;
        if self.thread_failed.is_some() {
            return Some(format!(
                "-# output cannot be shown here: the bot needs the rights to create and write in threads · `shanty runs output {number}`"
            ));
        }
        if self.resumed {
            return Some(format!(
                "-# the controller restarted meanwhile: the thread may lack the end · all: `shanty runs output {number}`"
            ));
        }
        let shown = self.hosts.len();
        (snapshot.run.spec.targets.len() > shown).then(|| {
            format!("-# the thread has the output of the first {shown} hosts · all: `shanty runs output {number}`")
        })
    }
}
