//! An upgrade: a ledger that an older version wrote goes on, and gateways of two versions run on it during a rolling restart.

use serde_json::{Value, json};
use sqlx::Connection;
use sqlx::postgres::PgConnection;
use stagedoor::ledger::functions;

use crate::support::{Deployment, Event, Finished, Phone, Plan, TicketType, basket, card, ledger_against_itself, new_id, older_member};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_older_ledger_goes_on_embedded() {
    it_goes_on(Plan::embedded().on_older_ledger().open().await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_older_ledger_goes_on_shared() {
    it_goes_on(Plan::shared().on_older_ledger().open().await).await;
}

async fn it_goes_on(deployment: Deployment) {
    let (event, standing) = winter_concert(&deployment).await;
    let attendance = deployment.admin.client.get(&format!("/v1/events/{}/attendance", event.id)).await.ok(200);
    assert_eq!([&attendance["tickets"], &attendance["admitted"], &attendance["inside"]], [&json!(11), &json!(4), &json!(3)]);

    let phone = phone(&deployment, "Phone 1").await;
    phone.refuses(&event, "OLD-1", "already_admitted").await;
    phone.admits(&event, "OLD-2").await;
    phone.admits(&event, "OLD-3").await;
    phone.admits(&event, "OLD-4").await;

    let till = older_member("seller").till(&deployment.admin.enrol(&code(&deployment, "Till 1").await).await).await;
    let stock = deployment.admin.stock(&event, &standing).await;
    let sale = till.sell(&event, basket(&[(&standing, 2)]), card()).await;
    assert_eq!(sale["receipt_number"], json!(4));
    let left = deployment.admin.stock(&event, &standing).await;
    assert_eq!(left["left"].as_i64().unwrap(), stock["left"].as_i64().unwrap() - 2);

    let guests = phone.client.get(&format!("/v1/events/{}/guests", event.id)).await.ok(200);
    let waiting = guests["items"].as_array().unwrap().iter().find(|guest| guest["arrived"] == 2).unwrap();
    let path = format!("/v1/guests/{}/check-ins", waiting["id"].as_str().unwrap());
    assert_eq!(phone.client.post(&path, &json!({"id": new_id()})).await.ok(200)["check_in"]["people"], 1);

    for table in ["admissions", "sales", "sale_lines", "sale_voids", "guest_check_ins"] {
        assert!(deployment.ledger.execute(&format!("delete from {table}")).await.is_err(), "{table} lost its rows");
    }
    assert_eq!(ledger_against_itself(&deployment.ledger).await, Vec::<String>::new());
}

/// What the tables of a ledger are, as text that two ledgers can be compared by.
const SHAPE: &str = "select string_agg(line, E'\\n' order by line) from (
    select format('%s.%s %s %s %s', table_name, column_name, data_type, is_nullable, column_default)
        from information_schema.columns where table_schema = 'public' and table_name <> '_sqlx_migrations'
    union all select format('%s %s', conrelid::regclass, pg_get_constraintdef(oid)) from pg_constraint where connamespace = 'public'::regnamespace
    union all select indexdef from pg_indexes where schemaname = 'public'
    union all select pg_get_triggerdef(oid) from pg_trigger where not tgisinternal
    union all select pg_get_functiondef(tgfoid) from pg_trigger where not tgisinternal
) as shape (line)";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_older_ledger_has_the_tables_of_a_new_one() {
    let older = Plan::shared().on_older_ledger().open().await;
    let new = Plan::shared().open().await;
    let spaces = |text: String| text.split_whitespace().collect::<Vec<_>>().join(" ");
    assert_eq!(spaces(older.ledger.text(SHAPE).await), spaces(new.ledger.text(SHAPE).await));
}

/// A gateway of the version before finds its functions beside the tables, as it always did.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn gateways_of_two_versions_write_one_ledger() {
    let deployment = Plan::shared().on_older_ledger().open().await;
    let (event, _) = winter_concert(&deployment).await;
    let phone = phone(&deployment, "Phone 1").await;
    let mut older_gateway = PgConnection::connect(&deployment.database().url).await.unwrap();

    let mut open = older_gateway.begin().await.unwrap();
    assert_eq!(scan_as_before(&mut open, "OLD-4").await, 1);
    // The older function is in use, in a transaction that is open.
    phone.admits(&event, "OLD-5").await;
    open.commit().await.unwrap();
    phone.refuses(&event, "OLD-4", "already_admitted").await;
    assert_eq!(scan_as_before(&mut older_gateway, "OLD-6").await, 1);
    phone.at(deployment.b()).refuses(&event, "OLD-6", "already_admitted").await;
}

/// A release later, the functions of the older version are dropped, and only those.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_functions_of_an_older_ledger_are_dropped_a_release_later() {
    let mut deployment = Plan::shared().on_older_ledger().open().await;
    let (event, _) = winter_concert(&deployment).await;
    let mut connection = PgConnection::connect(&deployment.database().url).await.unwrap();
    let beside_the_tables = "select count(*) from pg_proc where pronamespace = 'public'::regnamespace and prorettype <> 'trigger'::regtype";
    assert_ne!(deployment.ledger.count(beside_the_tables, &[]).await, 0);

    let next = format!("{}\ncreate function release() returns integer language sql as 'select 2';", functions::TEXT);
    let path = functions::install(&mut connection, &next).await.unwrap();
    assert_eq!(deployment.ledger.count(beside_the_tables, &[]).await, 0);
    let in_set = "select count(*) from pg_proc where pronamespace = $1::text::regnamespace";
    let next_set: i64 = sqlx::query_scalar(in_set).bind(path.split(',').next().unwrap()).fetch_one(&mut connection).await.unwrap();
    let this_set = "select count(*) from pg_proc p join pg_namespace n on n.oid = p.pronamespace where n.nspname like 'functions%'";
    assert_eq!(deployment.ledger.count(this_set, &[]).await, 2 * next_set - 1);
    deployment.close();
    deployment.reopen();
    let phone = phone(&deployment, "Phone 1").await;
    phone.admits(&event, "OLD-4").await;
}

/// A ledger that stopped half way to the last of these migrations is refused, and stays as it is.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_ledger_that_is_too_old_is_refused() {
    let mut deployment = Plan::shared().on_older_ledger().open().await;
    deployment.close();
    let versions = "select count(*) from _sqlx_migrations where version < 18";
    let too_old = "insert into _sqlx_migrations select 17, 'before', now(), true, ''::bytea, 0";
    deployment.ledger.execute(too_old).await.unwrap();
    Finished::run(&mut deployment.command(&["serve"]), "").expect_refusal("last opened by a version that is too old");
    assert_eq!(deployment.ledger.count(versions, &[]).await, 1);
}

/// Scans a ticket as a gateway of the version before does, by the function that migration 17 made. Returns the rows that were written.
async fn scan_as_before(connection: &mut PgConnection, code: &str) -> i64 {
    let scan = "select count(*) from sessions s join memberships m on m.id = s.membership_id join devices d on d.id = s.device_id
        join tickets t on t.organisation_id = s.organisation_id and t.code = $1 join events e on e.id = t.event_id
        cross join lateral public.commit_plain_scans(s.organisation_id, now(), array[s.id], array[s.version], array[m.id], array[m.version],
            array[d.id], array[d.version], array[e.id], array[e.version], array[gen_random_uuid()], array[e.id], array[t.id], array['in'],
            array[1], array[1], array[1], array[s.id], array[d.id], array['North'], array[now()], array['before'])
        where s.kind = 'scanner' and s.ended_at is null";
    sqlx::query_scalar(scan).bind(code).fetch_one(connection).await.unwrap()
}

/// The event of the older ledger and its ticket type.
async fn winter_concert(deployment: &Deployment) -> (Event, TicketType) {
    let events = deployment.admin.client.get("/v1/events").await.ok(200);
    let event = &events["items"][0];
    assert_eq!(event["name"], "Winter Concert");
    (Event::of(event), TicketType::of(&event["ticket_types"][0]))
}

/// The scanner user of the older ledger, signed in on a device of it.
async fn phone(deployment: &Deployment, name: &str) -> Phone {
    older_member("scanner").phone(&deployment.admin.enrol(&code(deployment, name).await).await).await
}

/// A new enrolment code for a device of the older ledger: its token may have expired since.
async fn code(deployment: &Deployment, name: &str) -> String {
    let devices = deployment.admin.client.get("/v1/devices").await.ok(200);
    let device = devices["items"].as_array().unwrap().iter().find(|device| device["name"] == name).unwrap();
    let path = format!("/v1/devices/{}/enrolment", device["id"].as_str().unwrap());
    let enrolment: Value = deployment.admin.client.post(&path, &json!({})).await.ok(201);
    enrolment["enrolment_code"].as_str().unwrap().to_owned()
}
