//! What fetching costs: pages of changes through the listener, from the request to events, mirror and link in the store,
//! against downloading and decoding the same pages and throwing them away, in one run.
//!
//! ```text
//! cargo bench --bench fetch                        # 1,000,000 items in the large round, about three minutes
//! cargo bench --bench fetch -- --items 100000
//! ```
//!
//! The listener is the release binary, with its store on disk; Graph is played by this process, which holds all pages
//! ready, compressed: 200 items of 1.3 KB each. Rounds are first rounds with `start = "beginning"`, so that every item
//! becomes an event and a mirror row.
//!
//! * `fetch_ratio`: one drive, page after page, in items a second, by those of a client that unpacks the pages only; the
//!   median of three rounds, each measured right after the other. The client is over before the scheduler takes it for
//!   busy, so that on a machine with other work the ratio says little; the processor time and the bytes written for an
//!   item, which each round prints, say more;
//! * `resident_mb_at_items`: the listener's memory during one large round, at its highest (`VmHWM`), and by quarters of
//!   the round, so that growth shows;
//! * `concurrent_ratio`: sixteen drives whose pages take 20 ms each, together, by one drive whose pages take none: what
//!   waiting costs where others have work.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::disallowed_methods,
    clippy::indexing_slicing,
    clippy::as_conversions,
    clippy::cast_precision_loss,
    reason = "a bench stops at the unexpected, prints, and reads the real clock"
)]

mod graph;
mod listener;

use std::time::{Duration, Instant};

use graph::{Drive, Graph, PAGE};
use listener::Listener;

/// Pages of the drives that are measured for their rate: 80,000 items.
const PAGES: usize = 400;
const ROUNDS: usize = 3;
/// Drives that are fetched together, with so many pages each.
const TOGETHER: usize = 16;
const PAGES_EACH: usize = 50;
const ANSWER_TIME: Duration = Duration::from_millis(20);

#[tokio::main]
async fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let items = arguments.iter().position(|one| one == "--items").and_then(|at| arguments.get(at + 1));
    let items: usize = items.map_or(1_000_000, |items| items.parse().expect("--items NUMBER"));
    let graph = Graph::start(drives(items.div_ceil(PAGE)));
    let listener = Listener::start(&graph.url).await;

    let (mut limits, mut rates) = (Vec::new(), Vec::new());
    for round in 0..ROUNDS {
        let limit = unpacked(&graph.url, round).await;
        let (cpu, written) = (listener.cpu(), listener.written());
        let rate = rate(&listener, vec![format!("one-{round}")], PAGES).await;
        let items = (PAGES * PAGE) as f64;
        let cpu = listener.cpu().saturating_sub(cpu).as_secs_f64() * 1e6 / items;
        let written = (listener.written() - written) / items;
        println!(
            "round {round}: {rate:.0} items/s of {limit:.0} unpacked, {:.2}; {cpu:.1} us of processor time and \
             {written:.0} bytes written for an item",
            rate / limit
        );
        limits.push(limit);
        rates.push(rate);
    }
    let alone = median(rates.clone());
    let ratio = median(rates.iter().zip(&limits).map(|(rate, limit)| rate / limit).collect());

    let before = listener.cpu();
    let start = Instant::now();
    let names = (0..TOGETHER).map(|number| format!("slow-{number}")).collect();
    let together = rate(&listener, names, TOGETHER * PAGES_EACH).await;
    let cores = listener.cpu().saturating_sub(before).as_secs_f64() / start.elapsed().as_secs_f64();
    let slow = rate(&listener, vec!["slow-alone".to_owned()], PAGES_EACH).await;
    println!(
        "with 20 ms for each page: {slow:.0} items/s from one drive, {together:.0} from {TOGETHER}, at {cores:.2} cores"
    );

    let highest = large(&listener, items.div_ceil(PAGE) * PAGE).await;
    goal("fetch_ratio", ratio, 0.30, ratio >= 0.30);
    goal("concurrent_ratio", together / alone, 0.9, together / alone >= 0.9);
    goal("resident_mb_at_items", highest, 120.0, highest < 120.0);
}

fn goal(name: &str, value: f64, goal: f64, is_met: bool) {
    println!("{name} {value:.2} goal {goal} {}", if is_met { "ok" } else { "short" });
}

/// All that is fetched here: each drive once, since a first round is made once.
fn drives(large: usize) -> Vec<Drive> {
    let quick = |name: String, pages| Drive { name, pages, answer_time: Duration::ZERO };
    let slow = |name: String| Drive { name, pages: PAGES_EACH, answer_time: ANSWER_TIME };
    let mut drives: Vec<Drive> = (0..ROUNDS).map(|round| quick(format!("one-{round}"), PAGES)).collect();
    drives.extend((0..TOGETHER).map(|number| slow(format!("slow-{number}"))));
    drives.extend([slow("slow-alone".to_owned()), quick("large".to_owned(), large)]);
    drives
}

/// Items a second of a client that unpacks the pages and does nothing with them.
async fn unpacked(graph: &str, round: usize) -> f64 {
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let start = Instant::now();
    let mut bytes = 0;
    for page in 0..PAGES {
        let url = graph::page_url(graph, &format!("one-{round}"), page);
        bytes += http.get(url).send().await.unwrap().bytes().await.unwrap().len();
    }
    assert!(bytes > PAGES * PAGE * 1000, "the pages were not unpacked");
    (PAGES * PAGE) as f64 / start.elapsed().as_secs_f64()
}

/// Items a second through the listener, of these drives together.
async fn rate(listener: &Listener, names: Vec<String>, pages: usize) -> f64 {
    let start = Instant::now();
    for name in &names {
        listener.follow(name).await;
    }
    for name in &names {
        listener.fetched(name, || ()).await;
    }
    let elapsed = start.elapsed().as_secs_f64();
    for name in &names {
        assert_eq!(listener.events(name).await, pages / names.len() * PAGE, "of {name}");
    }
    (pages * PAGE) as f64 / elapsed
}

/// One large round; the highest memory that the listener held, in MB.
async fn large(listener: &Listener, items: usize) -> f64 {
    let start = Instant::now();
    listener.follow("large").await;
    let mut samples = Vec::new();
    listener.fetched("large", || samples.push(listener.memory("VmRSS"))).await;
    let rate = items as f64 / start.elapsed().as_secs_f64();
    assert_eq!(listener.events("large").await, items);
    let quarter = samples.len().div_ceil(4).max(1);
    let quarters: Vec<String> = samples
        .chunks(quarter)
        .map(|part| format!("{:.0}", part.iter().copied().fold(0.0, f64::max)))
        .collect();
    println!("{items} items in one round: {rate:.0} items/s, MB by quarters: {}", quarters.join(", "));
    listener.memory("VmHWM")
}

fn median(mut of: Vec<f64>) -> f64 {
    of.sort_by(f64::total_cmp);
    of[of.len() / 2]
}
