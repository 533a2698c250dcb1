//! The consumers in `docs/` do what they say.

use std::path::Path;
use std::process::{Command, Output};
use std::time::Duration;

use super::api::bench::{Bench, READER};

const EXAMPLES: [(&str, &str); 3] = [("sh", "pull.sh"), ("python3", "pull.py"), ("node", "pull.mjs")];

async fn run(bench: &Bench, example: (&str, &str)) -> Output {
    run_with(bench, example, READER).await
}

async fn run_with(bench: &Bench, (program, file): (&str, &str), key: &str) -> Output {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/consumers").join(file);
    let mut command = Command::new(program);
    command
        .arg(file)
        .arg("--once")
        .env("O365_LISTENER_SERVER", bench.url())
        .env("O365_LISTENER_API_KEY", key);
    tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap()
}

fn subjects(output: &Output) -> Vec<String> {
    let told = String::from_utf8(output.stdout.clone()).unwrap();
    assert!(output.status.success(), "{told}{}", String::from_utf8_lossy(&output.stderr));
    told.lines().map(|line| line.rsplit(' ').next().unwrap().to_owned()).collect()
}

#[actix_web::test]
async fn each_goes_on_where_it_was() {
    for example in EXAMPLES {
        let bench = Bench::with_keys().await;
        let id = bench.follow("files").await;
        let many: Vec<String> = (0..250).map(|number| number.to_string()).collect();
        bench.write(id, &many.iter().map(String::as_str).collect::<Vec<_>>()).await;
        assert_eq!(subjects(&run(&bench, example).await), many, "{example:?}");
        bench.write(id, &["later"]).await;
        assert_eq!(subjects(&run(&bench, example).await), ["later"], "{example:?}");
    }
}

#[actix_web::test]
async fn one_that_was_away_for_too_long_says_so() {
    for example in &EXAMPLES[1..] {
        let bench = Bench::with_keys().await;
        let id = bench.follow("files").await;
        bench.write(id, &["a"]).await;
        run(&bench, *example).await;
        bench.write(id, &["b"]).await;
        bench.clock.advance(Duration::from_secs(60));
        bench.write(id, &["c"]).await;
        bench.store.sweep_out(bench.clock.now(), 1000).await.unwrap();
        let output = run(&bench, *example).await;
        let complaint = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(complaint.contains("1 after 00000000000000000001 were deleted unread"), "{complaint}");
        assert_eq!(subjects(&output), ["c"]);
    }
}

#[actix_web::test]
async fn one_that_may_not_read_fails_aloud() {
    for example in EXAMPLES {
        let bench = Bench::with_keys().await;
        let output = run_with(&bench, example, "guessed").await;
        assert!(!output.status.success() && !output.stderr.is_empty(), "{example:?}: {output:?}");
    }
}
