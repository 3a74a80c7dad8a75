//! Laws 1, 3, 5 and 7 when everything happens in the same instant, at both gateways where there are two.
//!
//! Sign-ins, the quota, one id, and two administrators race where their subject is: `sessions`, `pos`, `door`, `team`.

mod crew;
mod full_tilt;
mod storm;

use futures::future::{join, join_all};
use serde_json::{Value, json};

use crate::support::{Deployment, Event, Phone, on_both, scan_of};

on_both!(one_ticket_before_sixteen_phones_is_one_green_light);
async fn one_ticket_before_sixteen_phones_is_one_green_light(deployment: Deployment) {
    let door = Door::open(&deployment, 16).await;
    for round in 0..10 {
        let code = format!("ONCE-{round}");
        door.ticket(&deployment, &code, 1).await;
        let answers = door.everybody_scans(&code).await;
        assert_eq!(green(&answers).len(), 1, "{code}");
        assert!(answers.iter().all(|answer| answer["verdict"] == "admit" || answer["reason"] == "already_admitted"));
        assert_eq!(deployment.ledger.admissions(&door.event.id).await, round + 1);
    }
}

on_both!(sixteen_entries_before_sixteen_phones_are_sixteen_green_lights);
async fn sixteen_entries_before_sixteen_phones_are_sixteen_green_lights(deployment: Deployment) {
    sixteen_entries_before(&deployment, 16).await;
}

on_both!(sixteen_entries_before_more_phones_are_sixteen_green_lights);
async fn sixteen_entries_before_more_phones_are_sixteen_green_lights(deployment: Deployment) {
    sixteen_entries_before(&deployment, 24).await;
}

async fn sixteen_entries_before(deployment: &Deployment, phones: usize) {
    let door = Door::open(deployment, phones).await;
    for round in 0..4 {
        let code = format!("PASS-{round}");
        door.ticket(deployment, &code, 16).await;
        let answers = door.everybody_scans(&code).await;
        let mut seqs: Vec<_> = green(&answers).iter().map(|answer| answer["admission"]["seq"].as_i64().unwrap()).collect();
        seqs.sort_unstable();
        assert_eq!(seqs, (1..=16).collect::<Vec<_>>(), "each movement has a number of its own");
        assert_eq!(deployment.ledger.admissions(&door.event.id).await, 16 * (round + 1));
    }
}

on_both!(many_tickets_before_many_phones_are_each_let_in_once);
async fn many_tickets_before_many_phones_are_each_let_in_once(deployment: Deployment) {
    let door = Door::open(&deployment, 16).await;
    let codes: Vec<String> = (0..100).map(|number| format!("T-{number}")).collect();
    for code in &codes {
        door.ticket(&deployment, code, 1).await;
    }
    // Half of the phones go through the list from its end: batches meet the same tickets in another order.
    let walks = door.phones.iter().enumerate().map(|(number, phone)| {
        let codes: Vec<_> = if number % 2 == 0 { codes.iter().collect() } else { codes.iter().rev().collect() };
        let event = &door.event;
        async move {
            let mut green = 0;
            for code in codes {
                green += usize::from(phone.scan(event, code).await["verdict"] == "admit");
            }
            green
        }
    });
    assert_eq!(join_all(walks).await.iter().sum::<usize>(), 100);
    assert_eq!(deployment.ledger.admissions(&door.event.id).await, 100);
}

on_both!(entries_and_exits_of_one_ticket_follow_from_each_other);
async fn entries_and_exits_of_one_ticket_follow_from_each_other(deployment: Deployment) {
    let door = Door::open(&deployment, 12).await;
    let pass = json!({"name": "Pass", "price": "0.00", "reentry": true, "entries_allowed": 40});
    let pass = deployment.admin.ticket_type_with(&door.event, pass).await;
    deployment.admin.tickets(&door.event, &pass, &["PASS"]).await;
    let walks = door.phones.iter().enumerate().map(|(number, phone)| {
        let event = &door.event;
        async move {
            for turn in 0..12 {
                let mut scan = scan_of(event, "PASS");
                scan["direction"] = json!(if (number + turn) % 3 == 0 { "out" } else { "in" });
                phone.send(&scan).await.ok(200);
            }
        }
    });
    join_all(walks).await;
    follow_from_each_other(&deployment, &door).await;
    assert!(deployment.ledger.admissions(&door.event.id).await > 12);
}

on_both!(what_is_taken_back_follows_from_what_was_scanned);
async fn what_is_taken_back_follows_from_what_was_scanned(deployment: Deployment) {
    const ENTRIES: i32 = 5;
    let door = Door::open(&deployment, 12).await;
    let pass = json!({"name": "Pass", "price": "0.00", "reentry": true, "entries_allowed": ENTRIES});
    let pass = deployment.admin.ticket_type_with(&door.event, pass).await;
    deployment.admin.tickets(&door.event, &pass, &["PASS"]).await;
    let walks = door.phones.iter().enumerate().map(|(number, phone)| {
        let event = &door.event;
        async move {
            let mut taken_back = 0;
            for turn in 0..12 {
                let mut scan = scan_of(event, "PASS");
                scan["direction"] = json!(if (number + turn) % 4 == 0 { "out" } else { "in" });
                let admitted = phone.send(&scan).await.ok(200)["verdict"] == "admit";
                if !admitted || turn % 3 == 0 {
                    continue;
                }
                // Twice at once; one of the two may have left meanwhile, by another scan of the same ticket.
                let (one, other) = join(phone.take_back(&scan["id"]), phone.take_back(&scan["id"])).await;
                assert!(matches!((one.status, other.status), (200, 200) | (409, 409) | (200, 409) | (409, 200)), "{one}\n{other}");
                taken_back += usize::from(one.status == 200 || other.status == 200);
                assert!(one.status != 200 || other.status != 200 || one.text == other.text, "{one}\n{other}");
            }
            taken_back
        }
    });
    let taken_back: usize = join_all(walks).await.into_iter().sum();
    follow_from_each_other(&deployment, &door).await;
    let count = async |what: &str| {
        let query = format!("select count(*) from admissions where event_id = $1 and {what}");
        deployment.ledger.count(&query, &[&door.event.id]).await
    };
    assert_eq!(count("undoes is not null").await, i64::try_from(taken_back).unwrap());
    assert!(taken_back > 0, "nothing was taken back");
    assert_eq!(count(&format!("(used > {ENTRIES} or used <> inside)")).await, 0, "an entry went missing, or was made up");
}

/// Each movement counts from the one before, without a gap; exits give the entry back.
async fn follow_from_each_other(deployment: &Deployment, door: &Door) {
    let broken = "select count(*) from admissions f left join admissions b on b.ticket_id = f.ticket_id and b.seq = f.seq - 1
        where f.event_id = $1 and f.seq > 1 and (b.seq is null
            or f.inside <> b.inside + case f.direction when 'in' then 1 else -1 end
            or f.used <> b.used + case f.direction when 'in' then 1 else -1 end)";
    assert_eq!(deployment.ledger.count(broken, &[&door.event.id]).await, 0, "each movement counts from the one before");
}

on_both!(a_member_who_is_removed_while_signing_in_is_out);
async fn a_member_who_is_removed_while_signing_in_is_out(deployment: Deployment) {
    let door = Door::open(&deployment, 0).await;
    door.ticket(&deployment, "A-1", 99).await;
    for round in 0..12 {
        let member = deployment.admin.hire("scanner").await;
        let device = deployment.admin.device("scanner").await;
        let client = deployment.turn(round).with_token(device.client.token());
        let ((), signed_in) = join(deployment.admin.at(deployment.turn(round + 1)).remove(&member), member.try_sign_in(&client)).await;
        if signed_in.status == 201 {
            let phone = deployment.turn(round).with_token(signed_in.json()["session_token"].as_str().unwrap());
            assert_eq!(phone.post("/v1/scans", &scan_of(&door.event, "A-1")).await.status, 401, "round {round}");
        }
    }
    assert_eq!(deployment.ledger.admissions(&door.event.id).await, 0);
}

/// An event with many phones at its door, taking turns at the gateways.
struct Door {
    event: Event,
    phones: Vec<Phone>,
}

impl Door {
    async fn open(deployment: &Deployment, phones: usize) -> Self {
        let event = deployment.admin.event("Gala").await;
        deployment.admin.ticket_type(&event, "Seat", "12.50").await;
        let scanner = deployment.admin.hire("scanner").await;
        let mut hands = Vec::new();
        for number in 0..phones {
            hands.push(deployment.admin.phone(&scanner).await.at(deployment.turn(number)));
        }
        Self { event, phones: hands }
    }

    async fn ticket(&self, deployment: &Deployment, code: &str, entries: u32) {
        let ticket = json!([{"code": code, "type": "Seat", "status": "valid", "entries_allowed": entries}]);
        assert_eq!(deployment.admin.upload(&self.event, ticket).await["created"], 1);
    }

    async fn everybody_scans(&self, code: &str) -> Vec<Value> {
        join_all(self.phones.iter().map(|phone| phone.scan(&self.event, code))).await
    }
}

fn green(answers: &[Value]) -> Vec<&Value> {
    answers.iter().filter(|answer| answer["verdict"] == "admit").collect()
}
