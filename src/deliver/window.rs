//! The part of the log that a sink is at: which of its events may go now, and how far everything has gone.
//!
//! Pure: it knows no time, no store and no receiver. What it promises, whatever comes of sending and in which order:
//! * an event of an item goes only after all earlier ones of that item have gone; those of different items in any order;
//! * once one of an item does not go, all later ones are stored behind it;
//! * the position never passes an event that has neither gone nor is to be stored with it.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;

use foldhash::{HashMap, HashMapExt as _, HashSet};

use crate::model::{Attempt, Cursor, Event, ItemKey};
use crate::store::{Fate, NewDelivery};

/// Events that go together.
#[derive(Debug, Default)]
pub(super) struct Taken {
    /// Their numbers in the window, in the same order.
    numbers: Vec<u64>,
    pub events: Vec<Event>,
}

/// What can be written down: a position and what is left behind it.
#[derive(Debug, Default)]
pub(super) struct Portion {
    pub position: Cursor,
    pub gone: Vec<Cursor>,
    pub stored: Vec<NewDelivery>,
}

#[derive(Debug)]
enum Stage {
    /// It may go once those before it have.
    Waiting(Event),
    /// It is under way.
    Flying,
    /// It has gone.
    Delivered,
    /// It is to be stored.
    Stored(Box<NewDelivery>),
}

#[derive(Debug)]
struct Entry {
    cursor: Cursor,
    item: Arc<ItemKey>,
    bytes: usize,
    stage: Stage,
}

/// Events after the position.
#[derive(Debug)]
pub(super) struct Window {
    /// Whether all events go in their order, and not only those of one item.
    strict: bool,
    entries: VecDeque<Entry>,
    /// The number of the first entry.
    first: u64,
    /// Entries that may go.
    ready: BTreeSet<u64>,
    /// Of each item, the entries that are waiting or flying.
    lines: HashMap<Arc<ItemKey>, VecDeque<u64>>,
    /// Of each item, how many entries are to be stored.
    storing: HashMap<Arc<ItemKey>, usize>,
    /// The items of which deliveries are stored and pending.
    held: HashSet<ItemKey>,
    read_through: Cursor,
    position: Cursor,
    bytes: usize,
}

impl Window {
    /// Begins after `position`, with these items' deliveries pending.
    pub fn new(position: Cursor, held: Vec<ItemKey>, strict: bool) -> Self {
        Self {
            strict,
            entries: VecDeque::new(),
            first: 0,
            ready: BTreeSet::new(),
            lines: HashMap::new(),
            storing: HashMap::new(),
            held: held.into_iter().collect(),
            read_through: position,
            position,
            bytes: 0,
        }
    }

    /// Where to read on.
    pub fn read_through(&self) -> Cursor {
        self.read_through
    }

    /// How many events it holds.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// How much text they have.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Whether anything may go.
    pub fn has_ready(&self) -> bool {
        !self.ready.is_empty()
    }

    /// Everything up to there was looked at.
    pub fn advance(&mut self, read_through: Cursor) {
        self.read_through = self.read_through.max(read_through);
    }

    /// Takes in the next event.
    pub fn push(&mut self, event: Event) {
        let number = self.first + u64::try_from(self.entries.len()).unwrap_or_default();
        let (cursor, item, bytes) = (event.cursor, Arc::new(ItemKey::of(&event)), event.data.get().len());
        self.advance(cursor);
        self.bytes += bytes;
        let stage = if self.held.contains(&*item) || self.storing.contains_key(&item) {
            *self.storing.entry(item.clone()).or_default() += 1;
            Stage::Stored(Box::new(NewDelivery { event, tried: None }))
        } else {
            let line = self.lines.entry(item.clone()).or_default();
            line.push_back(number);
            if self.strict || line.len() == 1 {
                self.ready.insert(number);
            }
            Stage::Waiting(event)
        };
        self.entries.push_back(Entry { cursor, item, bytes, stage });
    }

    /// Takes up to `limit` events that may go together.
    pub fn take(&mut self, limit: usize) -> Taken {
        let mut numbers = BTreeSet::new();
        while numbers.len() < limit {
            let Some(number) = self.ready.pop_first() else { break };
            numbers.insert(number);
            if !self.strict {
                // Those behind it may come along: they are in the same request, after it.
                let line = self.entry(number).and_then(|entry| self.lines.get(&entry.item));
                let room = limit - numbers.len();
                numbers.extend(line.into_iter().flatten().skip(1).take(room).copied());
            }
        }
        let mut taken = Taken::default();
        for number in numbers {
            if let Some(event) = self.fly(number) {
                taken.numbers.push(number);
                taken.events.push(event);
            }
        }
        taken
    }

    /// These have gone.
    pub fn delivered(&mut self, gone: &Taken) {
        for number in &gone.numbers {
            let Some(entry) = place(*number, self.first).and_then(|at| self.entries.get_mut(at)) else {
                continue;
            };
            entry.stage = Stage::Delivered;
            let Some(line) = self.lines.get_mut(&entry.item) else { continue };
            line.retain(|other| other != number);
            if line.is_empty() {
                self.lines.remove(&entry.item);
            }
        }
        for number in &gone.numbers {
            self.make_ready(*number);
        }
    }

    /// These have not gone, and are to be stored; with them, what waits behind them.
    pub fn failed(&mut self, failed: Taken, attempt: &Attempt, fate: Fate) {
        for (number, event) in failed.numbers.into_iter().zip(failed.events) {
            let item = ItemKey::of(&event);
            self.store(number, NewDelivery { event, tried: Some((attempt.clone(), fate)) });
            for behind in self.lines.remove(&item).unwrap_or_default() {
                // Those that were sent together with it have their own turn here.
                if let Some(event) = self.fly(behind) {
                    self.store(behind, NewDelivery { event, tried: None });
                }
            }
        }
    }

    /// These have not gone, and nothing follows from that: they may go again.
    pub fn put_back(&mut self, back: Taken) {
        for (number, event) in back.numbers.iter().zip(back.events) {
            if let Some(entry) = self.entry_mut(*number) {
                entry.stage = Stage::Waiting(event);
            }
        }
        for number in back.numbers {
            self.make_ready(number);
        }
    }

    /// What can be written down by now, if anything.
    pub fn settle(&mut self) -> Option<Portion> {
        let mut portion = Portion { position: self.position, ..Portion::default() };
        while matches!(self.entries.front(), Some(Entry { stage: Stage::Delivered | Stage::Stored(_), .. })) {
            let Some(entry) = self.entries.pop_front() else { break };
            self.first += 1;
            self.bytes -= entry.bytes;
            portion.position = entry.cursor;
            match entry.stage {
                Stage::Stored(new) => {
                    self.stop_storing(&entry.item);
                    self.held.insert(Arc::unwrap_or_clone(entry.item));
                    portion.stored.push(*new);
                }
                _ => portion.gone.push(entry.cursor),
            }
        }
        if self.entries.is_empty() {
            portion.position = self.read_through;
        }
        let moved = portion.position > self.position;
        self.position = portion.position;
        moved.then_some(portion)
    }

    /// Over how many events the position could move by now, counted up to `most`.
    pub fn settled(&self, most: usize) -> usize {
        let over = |entry: &&Entry| matches!(entry.stage, Stage::Delivered | Stage::Stored(_));
        self.entries.iter().take(most).take_while(over).count()
    }

    /// The position of what was last taken out.
    pub fn position(&self) -> Cursor {
        self.position
    }

    /// What is written says of these items whether deliveries are still pending.
    pub fn confirm(&mut self, items: Vec<(ItemKey, bool)>) {
        for (item, still) in items {
            if still {
                self.held.insert(item);
            } else {
                self.held.remove(&item);
            }
        }
    }

    fn fly(&mut self, number: u64) -> Option<Event> {
        self.ready.remove(&number);
        let entry = self.entry_mut(number)?;
        match std::mem::replace(&mut entry.stage, Stage::Flying) {
            Stage::Waiting(event) => Some(event),
            other => {
                entry.stage = other;
                None
            }
        }
    }

    fn store(&mut self, number: u64, new: NewDelivery) {
        let Some(entry) = self.entry_mut(number) else { return };
        entry.stage = Stage::Stored(Box::new(new));
        let item = entry.item.clone();
        *self.storing.entry(item).or_default() += 1;
    }

    fn stop_storing(&mut self, item: &ItemKey) {
        if let Some(count) = self.storing.get_mut(item) {
            *count -= 1;
            if *count == 0 {
                self.storing.remove(item);
            }
        }
    }

    /// Whoever is at the head of this one's line may go.
    fn make_ready(&mut self, number: u64) {
        let Some(entry) = self.entry(number) else { return };
        let head = if self.strict {
            Some(number)
        } else {
            self.lines.get(&entry.item).and_then(|line| line.front().copied())
        };
        let waits = |number| self.entry(number).is_some_and(|one| matches!(one.stage, Stage::Waiting(_)));
        if let Some(head) = head.filter(|head| waits(*head)) {
            self.ready.insert(head);
        }
    }

    fn entry(&self, number: u64) -> Option<&Entry> {
        self.entries.get(place(number, self.first)?)
    }

    fn entry_mut(&mut self, number: u64) -> Option<&mut Entry> {
        self.entries.get_mut(place(number, self.first)?)
    }
}

fn place(number: u64, first: u64) -> Option<usize> {
    usize::try_from(number.checked_sub(first)?).ok()
}

#[cfg(test)]
mod tests;
