//! Ratios inside a round, and their medians against the goals.

use crate::Figure;

type Of = fn(&Figure) -> f64;

pub(crate) fn report(figures: &[Figure]) {
    let rate: Of = |figure| figure.burst.rate();
    let p50: Of = |figure| f64::from(figure.burst.percentile(0.5));
    let ratio = |way, to, load, of| median(&ratios(figures, way, to, load, of));
    println!();
    for load in crate::LOADS {
        for (way, ..) in crate::WAYS {
            let cpu: Vec<f64> =
                of_way(figures, way, load).map(|figure| figure.cpu.as_secs_f64() * 1e6).collect();
            println!(
                "{way:>11} at {:>3} connections, {:>2} in a body: {:.2} of bare, {:.1} µs of processor time",
                load.0,
                load.1,
                ratio(way, "bare", load, rate),
                median(&cpu)
            );
        }
    }
    let late = |figure: &Figure| f64::from(figure.burst.percentile(0.999)) / 1000.0;
    for way in ["bare", "durable"] {
        for load in crate::LOADS {
            let late: Vec<f64> = of_way(figures, way, load).map(late).collect();
            println!(
                "{way:>11} at {:>3} connections: one answer in 1,000 takes {:.1} ms",
                load.0,
                median(&late)
            );
        }
    }
    // What an answer waits for where processors are short, it waits for in `bare`, too.
    let stall = |load: (usize, usize)| {
        let pairs = of_way(figures, "durable", load).zip(of_way(figures, "bare", load));
        median(&pairs.map(|(durable, bare)| late(durable) - late(bare)).collect::<Vec<_>>())
    };
    println!();
    let (one_64, one_256, twenty) = ((64, 1), (256, 1), (64, 20));
    at_least("ack_durable_to_bare_64", ratio("durable", "bare", one_64, rate), 0.55);
    at_least("ack_durable_to_bare_256", ratio("durable", "bare", one_256, rate), 0.65);
    at_least("ack_durable_to_file_64", ratio("durable", "file", one_64, rate), 0.9);
    at_least("ack_durable_to_file_256", ratio("durable", "file", one_256, rate), 0.9);
    at_least("ack_durable_to_bare_64_of_20", ratio("durable", "bare", twenty, rate), 0.58);
    at_least("ack_elided_to_bare_64", ratio("elided", "bare", one_64, rate), 0.85);
    at_least("ack_elided_to_bare_256", ratio("elided", "bare", one_256, rate), 0.85);
    at_least("ack_elided_100k_to_4k_hot_64", ratio("elided_100k", "elided", one_64, rate), 0.9);
    at_most("ack_durable_p50_to_bare_64", ratio("durable", "bare", one_64, p50), 2.3);
    at_most("ack_durable_p50_to_bare_256", ratio("durable", "bare", one_256, p50), 2.3);
    at_most("ack_durable_stall_ms_64", stall(one_64), 25.0);
    at_most("ack_durable_stall_ms_256", stall(one_256), 25.0);
}

fn of_way<'a>(figures: &'a [Figure], way: &str, load: (usize, usize)) -> impl Iterator<Item = &'a Figure> {
    figures.iter().filter(move |figure| figure.way == way && figure.load == load)
}

fn ratios(figures: &[Figure], way: &str, to: &str, load: (usize, usize), of: Of) -> Vec<f64> {
    of_way(figures, way, load)
        .zip(of_way(figures, to, load))
        .map(|(one, other)| of(one) / of(other))
        .collect()
}

fn median(of: &[f64]) -> f64 {
    let mut sorted = of.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied().unwrap_or(f64::NAN)
}

pub(crate) fn at_least(name: &str, value: f64, goal: f64) {
    println!("{name} {value:.2} goal {goal} {}", if value >= goal { "ok" } else { "short" });
}

pub(crate) fn at_most(name: &str, value: f64, goal: f64) {
    println!("{name} {value:.2} goal {goal} {}", if value <= goal { "ok" } else { "short" });
}
