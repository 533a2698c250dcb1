use super::*;
use crate::model::Outcome;
use chrono::DateTime;
use proptest::prelude::*;
use serde_json::value::RawValue;
use std::time::Duration;

fn event(sequence: u64, item: u8) -> Event {
    Event {
        cursor: Cursor::at(sequence),
        id: format!("e-{sequence}"),
        tenant: "contoso".parse().unwrap(),
        subscription: "files".parse().unwrap(),
        event_type: "o365.driveItem.updated".to_owned(),
        subject: item.to_string(),
        time: DateTime::UNIX_EPOCH,
        data: RawValue::from_string("{}".to_owned()).unwrap(),
    }
}

fn attempt() -> Attempt {
    Attempt {
        at: DateTime::UNIX_EPOCH,
        outcome: Outcome::Refused,
        status: Some(500),
        duration: Duration::ZERO,
        excerpt: String::new(),
    }
}

fn window(items: &[u8], strict: bool) -> Window {
    let mut window = Window::new(Cursor::START, Vec::new(), strict);
    (1..).zip(items).for_each(|(sequence, item)| window.push(event(sequence, *item)));
    window
}

fn sequences(taken: &Taken) -> Vec<u64> {
    taken.events.iter().map(|event| event.cursor.number()).collect()
}

#[test]
fn an_item_waits_for_its_own_events_only() {
    let mut window = window(&[1, 1, 2, 1, 3], false);
    let one = window.take(1);
    let two = window.take(1);
    let three = window.take(1);
    assert_eq!([sequences(&one), sequences(&two), sequences(&three)], [[1], [3], [5]]);
    assert!(window.take(9).events.is_empty());
    window.delivered(&three);
    window.delivered(&two);
    assert!(window.settle().is_none(), "the first is still under way");
    window.delivered(&one);
    let portion = window.settle().unwrap();
    assert_eq!((portion.position, portion.gone.len()), (Cursor::at(1), 1));
    assert_eq!(sequences(&window.take(9)), [2, 4], "what waits behind one may come along");
}

#[test]
fn what_waits_behind_a_failure_is_stored_with_it_and_what_comes_later_too() {
    let mut window = window(&[1, 1, 2], false);
    let one = window.take(1);
    window.failed(one, &attempt(), Fate::Dead);
    window.push(event(4, 1));
    let two = window.take(9);
    assert_eq!(sequences(&two), [3]);
    window.delivered(&two);
    let portion = window.settle().unwrap();
    let stored: Vec<_> =
        portion.stored.iter().map(|new| (new.event.cursor.number(), new.tried.is_some())).collect();
    assert_eq!(stored, [(1, true), (2, false), (4, false)]);
    assert_eq!((portion.position, portion.gone.len()), (Cursor::at(4), 1));
    window.push(event(5, 1));
    assert!(window.take(9).events.is_empty(), "its deliveries are pending");
    window.settle().unwrap();
    window.confirm(vec![(ItemKey::of(&event(5, 1)), false)]);
    window.push(event(6, 1));
    assert_eq!(sequences(&window.take(9)), [6]);
}

#[test]
fn what_nobody_wants_moves_the_position_once_all_before_it_has_gone() {
    let mut window = window(&[1], false);
    window.advance(Cursor::at(100));
    let one = window.take(1);
    assert!(window.settle().is_none());
    window.delivered(&one);
    assert_eq!(window.settle().unwrap().position, Cursor::at(100));
    assert!(window.settle().is_none(), "there is nothing new to write");
}

#[test]
fn a_strict_sink_has_everything_in_its_order() {
    let mut window = window(&[1, 1, 2, 1], true);
    let taken = window.take(3);
    assert_eq!(sequences(&taken), [1, 2, 3]);
    window.put_back(taken);
    let taken = window.take(9);
    assert_eq!(sequences(&taken), [1, 2, 3, 4]);
    window.delivered(&taken);
    assert_eq!(window.settle().unwrap().position, Cursor::at(4));
}

/// The ledger as far as a window sees it, and what a receiver has had.
#[derive(Default)]
struct World {
    gone: Vec<(u64, u8)>,
    pending: Vec<(u64, u8)>,
    flying: Vec<Taken>,
    position: u64,
}

impl World {
    fn item(one: &Event) -> u8 {
        one.subject.parse().unwrap()
    }

    fn write(&mut self, portion: &Portion) {
        assert!(portion.position.number() >= self.position, "a position goes forward");
        self.position = portion.position.number();
        self.pending
            .extend(portion.stored.iter().map(|new| (new.event.cursor.number(), Self::item(&new.event))));
    }

    fn assert_nothing_passed_over(&self) {
        let missing = (1..=self.position).find(|sequence| {
            let known = |(other, _): &(u64, u8)| other == sequence;
            !self.gone.iter().any(known) && !self.pending.iter().any(known)
        });
        assert_eq!(missing, None, "the position passed one");
    }

    fn assert_in_turn(&self, taken: &Event) {
        let item = Self::item(taken);
        let mut under_way = self.flying.iter().flat_map(|taken| &taken.events);
        assert!(under_way.all(|other| Self::item(other) != item), "two requests with one item at once");
        assert!(self.pending.iter().all(|(_, other)| *other != item), "{} overtakes", taken.cursor);
    }

    /// The first pending delivery of an item goes; the items it touched.
    fn retry(&mut self, at: usize) -> Vec<(ItemKey, bool)> {
        let Some((_, item)) = self.pending.get(at % self.pending.len().max(1)).copied() else {
            return Vec::new();
        };
        let first = self.pending.iter().position(|(_, other)| *other == item).unwrap();
        self.gone.push(self.pending.remove(first));
        let still = self.pending.iter().any(|(_, other)| *other == item);
        vec![(ItemKey::of(&event(1, item)), still)]
    }
}

fn simulate(items: &[u8], steps: &[(u8, usize)], limit: usize, strict: bool) {
    let (mut window, mut world) = (Window::new(Cursor::START, Vec::new(), strict), World::default());
    let mut read = 0;
    // However it begins, in the end everything goes.
    let ending = (0..items.len() * 8).map(|n| ([0, 1, 2, 5, 6][n % 5], n));
    for (step, at) in steps.iter().copied().chain(ending) {
        match step {
            0 => {
                for item in items.iter().skip(read).take(1 + at % 3) {
                    read += 1;
                    window.push(event(u64::try_from(read).unwrap(), *item));
                }
            }
            1 if !strict || world.flying.is_empty() => {
                let taken = window.take(1 + at % limit);
                for event in &taken.events {
                    world.assert_in_turn(event);
                }
                if !taken.events.is_empty() {
                    world.flying.push(taken);
                }
            }
            2..=4 if !world.flying.is_empty() => {
                let at = at % world.flying.len();
                let landed = world.flying.remove(at);
                match step {
                    2 => {
                        world.gone.extend(
                            landed.events.iter().map(|event| (event.cursor.number(), World::item(event))),
                        );
                        window.delivered(&landed);
                    }
                    3 => window.failed(landed, &attempt(), Fate::Again(DateTime::UNIX_EPOCH)),
                    _ => window.put_back(landed),
                }
            }
            5 => {
                let counted = window.settled(usize::MAX);
                let portion = window.settle();
                let written = portion.as_ref().map_or(0, |portion| portion.gone.len() + portion.stored.len());
                assert_eq!(counted, written, "counted before it is written");
                if let Some(portion) = &portion {
                    world.write(portion);
                }
            }
            6 => {
                let touched = world.retry(at);
                window.confirm(touched);
            }
            _ => {}
        }
        world.assert_nothing_passed_over();
    }
    for item in items {
        let of_item: Vec<u64> =
            world.gone.iter().filter(|(_, other)| other == item).map(|(n, _)| *n).collect();
        assert!(of_item.is_sorted(), "item {item}: {of_item:?}");
    }
    assert_eq!(world.gone.len(), items.len(), "everything goes, once: {:?}", world.gone);
}

proptest! {
    #[test]
    fn whatever_fails_every_event_goes_once_and_those_of_an_item_in_their_order(
        items in proptest::collection::vec(0..4_u8, 1..30),
        steps in proptest::collection::vec((0..7_u8, 0..100_usize), 0..120),
        limit in 1..6_usize,
        strict: bool,
    ) {
        simulate(&items, &steps, limit, strict);
    }
}
