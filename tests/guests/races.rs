//! Never more than the party, and each thing once, with many phones at both gateways in the same instant.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use futures::future::join_all;
use serde_json::{Value, json};
use tokio::sync::Semaphore;
use tokio::time::timeout;

use super::{Door, check_in_of};
use crate::support::{Deployment, PATIENCE, Phone, on_both};

async fn crew(deployment: &Deployment, phones: usize) -> Vec<Phone> {
    let scanner = deployment.admin.hire("scanner").await;
    let mut hands = Vec::new();
    for number in 0..phones {
        hands.push(deployment.admin.phone(&scanner).await.at(deployment.turn(number)));
    }
    hands
}

fn admitted(answers: &[Value]) -> i64 {
    answers.iter().filter(|answer| answer["verdict"] == "admit").map(|answer| answer["check_in"]["people"].as_i64().unwrap()).sum()
}

async fn rows(deployment: &Deployment, door: &Door) -> i64 {
    deployment.ledger.count("select count(*) from guest_check_ins where event_id = $1", &[&door.event.id]).await
}

on_both!(a_party_of_ten_before_sixteen_phones);
async fn a_party_of_ten_before_sixteen_phones(deployment: Deployment) {
    let door = Door::open(&deployment).await;
    let phones = crew(&deployment, 16).await;
    for (people, greens) in [(Some(1), 10), (Some(3), 3), (None, 1), (Some(1), 10)] {
        let before = rows(&deployment, &door).await;
        let guest = door.guest(&deployment, "Ten", 10).await;
        let answers = join_all(phones.iter().map(async |phone| phone.send_check_in(&guest, &check_in_of(people)).await.ok(200))).await;
        assert_eq!(admitted(&answers), if people == Some(3) { 9 } else { 10 }, "{people:?}");
        assert_eq!(rows(&deployment, &door).await - before, greens, "{people:?}");
        let mut seqs: Vec<_> = answers.iter().filter_map(|answer| answer["check_in"]["seq"].as_i64()).collect();
        seqs.sort_unstable();
        assert_eq!(seqs, (1..=greens).collect::<Vec<_>>());
        let refusal = if people == Some(3) { "too_many" } else { "party_complete" };
        assert!(answers.iter().all(|answer| answer["verdict"] == "admit" || answer["reason"] == refusal));
    }
}

on_both!(the_same_id_from_one_phone_at_both_gateways_is_one_check_in);
async fn the_same_id_from_one_phone_at_both_gateways_is_one_check_in(deployment: Deployment) {
    let door = Door::open(&deployment).await;
    let guest = door.guest(&deployment, "Zoë", 100).await;
    for round in 1..=5 {
        let check_in = check_in_of(Some(1));
        let sends = (0..12).map(|n| (door.phone.at(deployment.turn(n)), &check_in, &guest));
        let answers = join_all(sends.map(async |(phone, check_in, guest)| phone.send_check_in(guest, check_in).await)).await;
        assert_eq!(answers.iter().filter(|answer| !answer.replayed()).count(), 1);
        assert!(answers.iter().all(|answer| answer.text == answers[0].text), "{}", answers[0]);
        assert_eq!(rows(&deployment, &door).await, round);
    }
}

on_both!(a_check_in_taken_back_by_many_at_once_is_taken_back_once);
async fn a_check_in_taken_back_by_many_at_once_is_taken_back_once(deployment: Deployment) {
    let door = Door::open(&deployment).await;
    let guest = door.guest(&deployment, "Zoë", 8).await;
    let manager = deployment.admin.hire("event_manager").await.signed_in(deployment.b()).await;
    for _ in 0..5 {
        let check_in = door.phone.lets_in(&guest, Some(3)).await;
        let attempts = (0..8).map(|n| if n % 4 == 3 { manager.clone() } else { (*door.phone.at(deployment.turn(n))).clone() });
        let answers = join_all(attempts.map(async |signed_in| signed_in.undo_check_in(&check_in).await)).await;
        assert_eq!(answers.iter().filter(|answer| !answer.replayed()).count(), 1, "{answers:?}");
        assert!(answers.iter().all(|answer| answer.status == 200 && answer.text == answers[0].text));
    }
    let told = manager.client.get(&format!("/v1/guests/{guest}")).await.ok(200);
    assert_eq!((&told["arrived"], told["check_ins"].as_array().unwrap().len()), (&json!(0), 10));
}

on_both!(a_party_made_smaller_while_it_comes_in_is_never_overfull);
async fn a_party_made_smaller_while_it_comes_in_is_never_overfull(deployment: Deployment) {
    let door = Door::open(&deployment).await;
    let phones = crew(&deployment, 8).await;
    for round in 0..8 {
        let guest = door.guest(&deployment, &format!("Party {round}"), 8).await;
        let path = format!("/v1/guests/{guest}");
        let shrink = async { deployment.admin.at(deployment.turn(round)).client.patch(&path, &json!({"party_size": 4})).await };
        let come = join_all(phones.iter().map(async |phone| phone.send_check_in(&guest, &check_in_of(Some(1))).await.ok(200)));
        let (shrunk, answers) = futures::future::join(shrink, come).await;
        let told = deployment.admin.client.get(&path).await.ok(200);
        assert_eq!(told["arrived"].as_i64().unwrap(), admitted(&answers));
        match shrunk.status {
            200 => assert_eq!((&told["party_size"], &told["arrived"]), (&json!(4), &json!(4))),
            _ => {
                shrunk.problem(409, "already_arrived");
                assert_eq!((&told["party_size"], &told["arrived"]), (&json!(8), &json!(8)));
            }
        }
    }
}

on_both!(nothing_is_written_once_a_change_is_answered);
async fn nothing_is_written_once_a_change_is_answered(deployment: Deployment) {
    let door = Door::open(&deployment).await;
    let member = deployment.admin.hire("scanner").await;
    let device = deployment.admin.device("scanner").await;
    for round in 0..6 {
        let guest = door.guest(&deployment, &format!("Crowd {round}"), 1_000).await;
        let phone = member.phone(&device).await;
        let (stop, written, tried) = (Arc::new(AtomicBool::new(false)), Arc::new(Semaphore::new(0)), Arc::new(Semaphore::new(0)));
        let workers: Vec<_> = (0..6)
            .map(|n| {
                let (phone, guest) = (phone.at(deployment.turn(n)), guest.clone());
                let (stop, written, tried) = (stop.clone(), written.clone(), tried.clone());
                tokio::spawn(async move {
                    while !stop.load(Ordering::Relaxed) {
                        let answer = phone.send_check_in(&guest, &check_in_of(Some(1))).await;
                        assert!(answer.status < 500 || answer.status == 503, "{answer}");
                        written.add_permits(usize::from(answer.status == 200 && answer.json()["verdict"] == "admit"));
                        tried.add_permits(1);
                    }
                })
            })
            .collect();
        timeout(PATIENCE, written.acquire_many(20)).await.expect("the crew writes").unwrap().forget();
        let admin = deployment.admin.at(deployment.turn(round));
        match round % 3 {
            0 => drop(admin.change(&member, json!({"revoke": ["guestlist:checkin"]})).await),
            1 => admin.set_status(&door.event, "ended").await,
            _ => admin.client.delete(&format!("/v1/guests/{guest}")).await.ok(204).as_null().unwrap(),
        }
        let answered = rows(&deployment, &door).await;
        tried.forget_permits(usize::MAX);
        timeout(PATIENCE, tried.acquire_many(40)).await.expect("the crew goes on trying").unwrap().forget();
        stop.store(true, Ordering::Relaxed);
        for worker in join_all(workers).await {
            worker.unwrap();
        }
        assert_eq!(rows(&deployment, &door).await, answered, "round {round}: something was written after the change had been answered");
        admin.set_status(&door.event, "live").await;
        admin.change(&member, json!({"grant": ["guestlist:checkin"]})).await;
    }
}
