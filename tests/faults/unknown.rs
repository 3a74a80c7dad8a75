//! An answer of Postgres that is lost on the way: what became of the statement is unknown, and is looked up by its id before anything is said.

use std::time::Instant;

use serde_json::Value;

use super::night::Night;
use crate::support::{A_SECOND, Fate, Plan, ref_id, until};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_answer_of_the_ledger_is_looked_up() {
    let night = Night::begin(Plan::shared_by_proxy()).await;
    for fate in [Fate::Lost, Fate::AnswerLost] {
        for sent in [night.new_scan(), night.new_sale()] {
            night.deployment.proxy().doom(&ref_id(&sent), fate, 1);
            let answer = night.send(night.deployment.a(), &sent).await.unwrap();
            assert_eq!(night.deployment.proxy().left_to_strike(), 0, "{fate:?} has struck {sent}");
            assert!(night.auditor.told(&sent, &answer), "{fate:?}: {answer}");
            assert!(said_yes(&answer.json()), "{fate:?}: {answer}");
        }
    }
    night.is_over(night.crew(0)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_looked_up_is_no_yes_and_the_same_id_finds_it_later() {
    let night = Night::begin(Plan::shared_by_proxy()).await;
    for fate in [Fate::AnswerLost, Fate::AnswerKept] {
        for new in [Night::new_scan, Night::new_sale] {
            // On a busy machine it may be a look before the commit that is struck; then nothing has been written yet.
            until("it has been written and not told", async || {
                let sent = new(&night);
                night.deployment.proxy().doom(&ref_id(&sent), fate, u32::MAX);
                let begun = Instant::now();
                let answer = night.send(night.deployment.a(), &sent).await.unwrap();
                answer.problem(503, "ledger_unavailable");
                assert!(begun.elapsed() < A_SECOND, "{answer} after {:?}", begun.elapsed());

                night.deployment.proxy().doom(&ref_id(&sent), fate, 0);
                let again = night.send(night.deployment.b(), &sent).await.unwrap();
                assert!(night.auditor.told(&sent, &again) && said_yes(&again.json()), "{fate:?}: {again}");
                again.replayed()
            })
            .await;
        }
    }
    night.is_over(night.crew(0)).await;
}

fn said_yes(answer: &Value) -> bool {
    answer["verdict"] == "admit" || answer["receipt_number"].is_i64()
}
