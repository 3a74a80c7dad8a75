//! Every scenario against a gateway that is right: the judge agrees, and something has been played.

use crate::gateway::{Demo, Played, Setup};

/// A short evening of each kind. The gateways of a set-up share it.
const SHORT: [&str; 6] = ["--seconds", "1", "--rate", "60", "--phones", "6"];

/// Makes two tests of one story.
macro_rules! on_both {
    ($story:ident) => {
        mod $story {
            use crate::gateway::Setup;

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn embedded() {
                super::$story(Setup::Embedded).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn shared() {
                super::$story(Setup::Shared).await;
            }
        }
    };
}

on_both!(the_judge_agrees_with_a_gateway_that_is_right);
async fn the_judge_agrees_with_a_gateway_that_is_right(setup: Setup) {
    let demo = Demo::start(setup).await;
    let play = async |scenario: &str, more: &[&str]| {
        let played = demo.play(scenario, &demo.urls, &[&SHORT[..], more].concat()).await;
        played.expect_clean();
        is_a_page(&played);
        played
    };
    let steady = play("steady", &["--ledger", &demo.ledger()]).await;
    assert!(steady.answers("scan", "admit") > 30 && steady.json["judge"]["compared"]["rows of the ledger"].as_u64() > Some(30));
    let doors = play("doors-open", &["--sign-ins", "30"]).await;
    assert_eq!(doors.answers("sign-in", "signed_in"), 6, "{}", doors.told);
    let office = play("box-office", &["--tills", "2", "--own", "--ledger", &demo.ledger()]).await;
    assert!(office.answers("sale", "sold") > 10, "{}", office.told);
    let one = play("one-ticket-many-doors", &["--closed"]).await;
    assert_eq!(one.answers("scan", "admit") * 5, one.answers("scan", "already_admitted"), "{}", one.told);
    assert!(play("sign-in-storm", &[]).await.answers("sign-in", "signed_in") > 10);
    assert!(play("bad-callers", &[]).await.answers("bad caller", "refused_as_it_must") > 50);
    let retries = play("retries", &["--tills", "1"]).await;
    assert!(retries.answers("scan", "cut off") > 0 && retries.answers("scan", "replayed") > 0, "{}", retries.told);
}

on_both!(changes_hold_from_their_answer_on);
async fn changes_hold_from_their_answer_on(setup: Setup) {
    let demo = Demo::start(setup).await;
    let played = demo.play("revocation", &demo.urls, &SHORT).await;
    played.expect_clean();
    let changes = played.json["changes"].as_array().unwrap();
    assert!(changes.len() >= 9, "{}", played.told);
    for change in changes {
        assert_eq!(change["accepted_after"], 0, "{change}");
        assert!(change["first_refusal_micros"].is_u64() && change["refused_after"].as_u64() > Some(0), "{change}");
    }
}

/// A budget that cannot be kept is named.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_missed_budget_is_named() {
    let demo = Demo::start(Setup::Embedded).await;
    let played = demo.play("steady", &demo.urls, &[&SHORT[..], &["--budget", "scan:p50=0.001"]].concat()).await;
    played.expect_finding("latency budget missed");
}

/// One page with everything in it: nothing is loaded from anywhere, and every chart is there.
fn is_a_page(played: &Played) {
    let html = &played.html;
    assert!(html.starts_with("<!DOCTYPE html>") && html.ends_with("</html>"));
    for loaded in ["src=", "href=", "url(", "<script", "@import"] {
        assert!(!html.contains(loaded), "the page loads something: {loaded}");
    }
    for part in ["Latency over time", "Percentiles", "Throughput", "Verdicts", "Every answer agrees with the ledger"] {
        assert!(html.contains(part), "{part} is missing");
    }
    assert!(html.matches("<svg").count() >= 3 && html.matches("<svg").count() == html.matches("</svg>").count());
    assert!(!html.contains("NaN"), "a chart has no number");
}
