//! A page that shows the stand-in's state to whoever develops against it: HTML from here alone, without a script.

mod cards;
mod html;
mod tables;

use actix_web::HttpResponse;
use actix_web::http::Method;
use chrono::TimeDelta;

pub(super) use html::Html;

use super::wire::Call;
use super::world::{World, graph_time};

const STYLE: &str = include_str!("page.css");
/// Nothing but this page's own style sheet, and no page around it.
const POLICY: &str = "default-src 'none'; style-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; \
                      frame-ancestors 'none'";
/// Seconds after which it asks for itself again.
const REFRESH: u32 = 5;

/// Where the cards are drawn.
const CARDS: &str = "/_control/cards/page";

/// Whether it is this room's page, or its style sheet.
pub(crate) fn has(path: &str) -> bool {
    matches!(path, "/" | "/_control/page.css" | CARDS)
}

/// Answers these.
pub(crate) fn answer(world: &mut World, call: &Call) -> HttpResponse {
    if call.method != Method::GET && call.method != Method::HEAD {
        return HttpResponse::MethodNotAllowed().insert_header(("Allow", "GET, HEAD")).finish();
    }
    let still = call.query("refresh") == Some("off");
    let (media_type, body) = match call.path.as_str() {
        "/" => ("text/html; charset=utf-8", page(world, still)),
        CARDS => ("text/html; charset=utf-8", card_page(world, still)),
        _ => ("text/css; charset=utf-8", STYLE.to_owned()),
    };
    HttpResponse::Ok()
        .content_type(media_type)
        .insert_header(("Content-Security-Policy", POLICY))
        .insert_header(("X-Content-Type-Options", "nosniff"))
        .insert_header(("Referrer-Policy", "no-referrer"))
        .insert_header(("Cache-Control", "no-store"))
        .body(body)
}

fn page(world: &mut World, still: bool) -> String {
    let now = world.clock.now();
    world.alive_subscriptions(now);
    world.alive_webhooks(now);
    let world = &*world;
    let side_by_side = |parts: Vec<Html>| Html::element("div", "columns", parts);
    let parts = [
        header(world, still),
        tiles(world),
        tables::subscriptions(world),
        side_by_side(vec![tables::tenant(world), tables::faults(world)]),
        side_by_side(vec![
            Html::element("div", "", [tables::lists(world), tables::mailboxes(world)]),
            tables::drives(world),
        ]),
        tables::sent(world),
        tables::requests(world),
    ];
    Html::document("Contoso, a simulated tenant", if still { 0 } else { REFRESH }, parts)
}

fn card_page(world: &World, still: bool) -> String {
    let heading = Html::element("h1", "", [Html::text("Cards in Contoso's channels")]);
    let links = [Html::link("/", "the tenant"), Html::link("/_control/cards", "the cards as JSON")];
    let header = Html::element("header", "", [heading, Html::element("nav", "", links)]);
    Html::document(
        "Cards in Contoso's channels",
        if still { 0 } else { REFRESH },
        [header, cards::all(world)],
    )
}

fn header(world: &World, still: bool) -> Html {
    let heading = Html::element("h1", "", [Html::text("Contoso, a simulated tenant")]);
    let clock = Html::element("time", "", [Html::text(graph_time(world.clock.now()))]);
    let turn = if still {
        Html::link("/", "refresh by itself")
    } else {
        Html::link("/?refresh=off", "stop refreshing")
    };
    let links = [
        clock,
        Html::link("/_control", "controls"),
        Html::link("/_control/state", "everything as JSON"),
        Html::link(CARDS, "cards"),
        turn,
    ];
    Html::element("header", "", [heading, Html::element("nav", "", links)])
}

fn tiles(world: &World) -> Html {
    let totals = world.ledger.totals;
    let numbers = [
        (world.subscriptions.len() + world.webhooks.len(), "remote subscriptions"),
        (world.outbox.len(), "notifications waiting"),
        (totals.taken, "taken"),
        (totals.refused, "not taken"),
        (totals.given_up, "given up"),
        (totals.lost, "lost on purpose"),
    ];
    let tile = |(number, text): (usize, &str)| {
        let number = Html::element("b", "", [Html::text(number)]);
        Html::element("div", "tile", [number, Html::element("span", "", [Html::text(text)])])
    };
    Html::element("div", "tiles", numbers.into_iter().map(tile))
}

/// A span of time in its two largest units.
fn span(time: TimeDelta) -> String {
    let parts = [
        (time.num_days(), "d"),
        (time.num_hours() % 24, "h"),
        (time.num_minutes() % 60, "min"),
        (time.num_seconds() % 60, "s"),
    ];
    let shown = parts.iter().skip_while(|(number, _)| *number == 0).take(2);
    let shown: Vec<String> = shown.map(|(number, unit)| format!("{number} {unit}")).collect();
    if shown.is_empty() { "0 s".to_owned() } else { shown.join(" ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_said_in_two_units() {
        assert_eq!(span(TimeDelta::seconds(0)), "0 s");
        assert_eq!(span(TimeDelta::seconds(59)), "59 s");
        assert_eq!(span(TimeDelta::minutes(90)), "1 h 30 min");
        assert_eq!(span(TimeDelta::days(29) + TimeDelta::minutes(5)), "29 d 0 h");
    }
}
