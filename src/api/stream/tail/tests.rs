use std::sync::Mutex;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use proptest::prelude::*;
use serde_json::Value;
use serde_json::value::RawValue;

use super::super::super::reader::{After, Reader, Wanted};
use super::super::follower::{Follower, PIECE};
use super::*;
use crate::model::{Cursor, Event};
use crate::store::{EventFilter, EventPage, LogBounds, StoreError};

/// Room for a few events.
const LITTLE: usize = 2000;

/// A log in memory.
#[derive(Default)]
struct Paper {
    events: Mutex<Vec<Event>>,
    end: watch::Sender<Cursor>,
    broken: Mutex<bool>,
}

impl Paper {
    fn write(&self, event_type: &str, bytes: usize) {
        let mut events = self.events.lock().unwrap();
        // Numbers may be left out.
        let cursor = Cursor::at(2 * u64::try_from(events.len()).unwrap() + 2);
        let data = format!("{{\"text\":\n\"{}\"}}", "x".repeat(bytes));
        events.push(Event {
            cursor,
            id: format!("id-{cursor}"),
            tenant: "contoso".parse().unwrap(),
            subscription: "files".parse().unwrap(),
            event_type: event_type.to_owned(),
            subject: "17".to_owned(),
            time: DateTime::UNIX_EPOCH,
            data: RawValue::from_string(data).unwrap(),
        });
        self.end.send_replace(cursor);
    }

    /// The numbers of what a reader must be told.
    fn wanted(&self, after: Cursor, wanted: &Wanted) -> Vec<Cursor> {
        let events = self.events.lock().unwrap();
        let fits = |event: &&Event| wanted.fits("files", &event.event_type) && event.cursor > after;
        events.iter().filter(fits).map(|event| event.cursor).collect()
    }
}

#[async_trait]
impl Log for Paper {
    async fn read(
        &self,
        after: Cursor,
        limit: usize,
        filter: Box<dyn EventFilter>,
    ) -> Result<EventPage, ReadError> {
        if *self.broken.lock().unwrap() {
            return Err(StoreError::Unavailable("it is broken".to_owned()).into());
        }
        let events = self.events.lock().unwrap();
        // So few at a time that it takes several readings to come to the end.
        let looked_at = events.iter().filter(|event| event.cursor > after).take(limit.min(3));
        let mut page = EventPage { next: after, ..EventPage::default() };
        for event in looked_at {
            page.next = event.cursor;
            if filter.wants(event.subscription.as_str(), &event.event_type) {
                page.events.push(event.clone());
            }
        }
        page.at_end = page.next >= *self.end.borrow();
        Ok(page)
    }

    async fn bounds(&self) -> Result<LogBounds, StoreError> {
        Ok(LogBounds { oldest: Cursor::START, latest: *self.end.borrow() })
    }

    async fn written_since(&self, _: DateTime<Utc>) -> Result<Cursor, StoreError> {
        Err(StoreError::Unavailable("nobody asks here".to_owned()))
    }

    fn end(&self) -> watch::Receiver<Cursor> {
        self.end.subscribe()
    }
}

/// A client, and what it was told.
struct Client {
    follower: Follower,
    began: Cursor,
    wanted: Wanted,
    text: Vec<u8>,
}

impl Client {
    async fn begin(paper: &Arc<Paper>, tail: &Tail, after: Option<After>, event_type: Option<&str>) -> Self {
        let event_type = event_type.map(|glob| glob.to_owned().try_into().unwrap());
        let wanted = Wanted { subscription: None, event_type };
        // Beyond the end nobody is let in.
        let end = *paper.end.borrow();
        let after = after.map(|after| match after {
            After::Event(cursor) => After::Event(cursor.min(end)),
            After::Latest => After::Latest,
        });
        let reader = Reader::begin(paper.clone(), after, wanted.clone()).await.unwrap();
        let began = reader.position();
        let follower = Follower::begin(reader, tail.follow()).await.unwrap();
        Self { follower, began, wanted, text: Vec::new() }
    }

    /// Takes all that is written, and goes on by one step; whether there was one.
    async fn step(&mut self) -> bool {
        while let Some(piece) = self.follower.take() {
            assert!(piece.len() <= PIECE);
            self.text.extend_from_slice(&piece);
        }
        let step = std::pin::pin!(self.follower.go_on());
        futures_util::poll!(step).is_ready()
    }

    async fn told(&mut self) -> Vec<Cursor> {
        while self.step().await {}
        let text = String::from_utf8(std::mem::take(&mut self.text)).unwrap();
        let mut told = Vec::new();
        for block in text.split_terminator("\n\n") {
            let (id, data) = block.split_once('\n').unwrap_or((block, ""));
            let id: Cursor = id.strip_prefix("id: ").unwrap().parse().unwrap();
            if let Some(data) = data.strip_prefix("data: ") {
                let data: Value = serde_json::from_str(data).unwrap();
                assert_eq!(data["sequence"], id.to_string());
                told.push(id);
            }
        }
        told
    }
}

fn start() -> (Arc<Paper>, Arc<Tail>) {
    let paper = Arc::new(Paper::default());
    let tail = Tail::with_room(paper.clone(), Clock::system(), LITTLE);
    (paper, tail)
}

#[derive(Debug, Clone)]
enum Step {
    /// Something is written: an event of this length, of one type or the other.
    Write(usize, bool),
    /// The one reader of the end keeps up, or cannot.
    KeepUp(bool),
    /// Somebody comes, from the end or from somewhere, and wants all or one type.
    Come(Option<u64>, bool),
    /// One of them goes on.
    GoOn(usize),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        4 => (prop_oneof![9 => 0..200_usize, 1 => 0..3 * PIECE], any::<bool>())
            .prop_map(|(bytes, one)| Step::Write(bytes, one)),
        3 => prop::bool::weighted(0.9).prop_map(Step::KeepUp),
        1 => (prop::option::of(0..40_u64), any::<bool>()).prop_map(|(from, all)| Step::Come(from, all)),
        6 => any::<usize>().prop_map(Step::GoOn),
    ];
    prop::collection::vec(step, 0..80)
}

async fn everybody_is_told_everything_once(steps: Vec<Step>) {
    let (paper, tail) = start();
    let mut clients: Vec<Client> = Vec::new();
    for step in steps {
        match step {
            Step::Write(bytes, one) => paper.write(if one { "one" } else { "other" }, bytes),
            Step::KeepUp(works) => {
                *paper.broken.lock().unwrap() = !works;
                tail.keep_up().await;
                *paper.broken.lock().unwrap() = false;
            }
            Step::Come(from, all) => {
                let from = from.map_or(After::Latest, |from| After::Event(Cursor::at(from)));
                let wanted = (!all).then_some("one");
                clients.push(Client::begin(&paper, &tail, Some(from), wanted).await);
            }
            Step::GoOn(which) if !clients.is_empty() => {
                let which = which % clients.len();
                clients[which].step().await;
            }
            Step::GoOn(_) => {}
        }
    }
    tail.keep_up().await;
    for client in &mut clients {
        assert_eq!(client.told().await, paper.wanted(client.began, &client.wanted));
    }
}

proptest! {
    #[test]
    fn whatever_happens_in_which_order_nothing_is_missed_nor_told_twice(steps in steps()) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(everybody_is_told_everything_once(steps));
    }
}

#[tokio::test]
async fn what_one_is_told_at_the_end_is_what_everybody_is_told() {
    let (paper, tail) = start();
    let mut clients = Vec::new();
    for _ in 0..2 {
        let mut client = Client::begin(&paper, &tail, None, None).await;
        client.step().await;
        clients.push(client);
    }
    paper.write("one", 100);
    tail.keep_up().await;
    let mut told = Vec::new();
    for client in &mut clients {
        assert!(client.step().await);
        told.push(client.follower.take().unwrap());
    }
    assert_eq!(told[0].as_ptr(), told[1].as_ptr(), "written down once");
}

#[tokio::test]
async fn what_has_come_meanwhile_goes_in_one_piece() {
    let (paper, tail) = start();
    let mut client = Client::begin(&paper, &tail, None, None).await;
    client.step().await;
    for _ in 0..4 {
        paper.write("one", 10);
    }
    tail.keep_up().await;
    assert!(client.step().await);
    let piece = client.follower.take().unwrap();
    assert_eq!(piece.windows(4).filter(|part| part == b"id: ").count(), 4);
}

#[tokio::test]
async fn one_that_takes_nothing_holds_a_page_and_holds_nobody_up() {
    let (paper, tail) = start();
    for _ in 0..100 {
        paper.write("one", 3000);
    }
    let mut slow = Client::begin(&paper, &tail, None, None).await;
    let mut quick = Client::begin(&paper, &tail, Some(After::Latest), None).await;
    quick.step().await;
    paper.write("one", 10);
    tail.keep_up().await;
    assert_eq!(quick.told().await.len(), 1);
    let held: usize = std::iter::from_fn(|| slow.follower.take()).map(|piece| piece.len()).sum();
    assert!(held < 20 * 1024, "{held} bytes");
}

#[tokio::test]
async fn while_nobody_follows_nothing_is_held() {
    let (paper, tail) = start();
    paper.write("one", 10);
    tail.keep_up().await;
    let ring = tail.follow();
    assert_eq!(ring.borrow().end(), *paper.end.borrow());
    assert!(ring.borrow().look(Cursor::START, &Wanted { subscription: None, event_type: None }, 1).is_none());
}
