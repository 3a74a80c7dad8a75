//! Law 8: the ledger is append-only, and the database itself sees to it.

mod outage;

use crate::support::{Deployment, Plan, Setup, Till, basket, card, on_both, sale_of};

on_both!(the_ledger_refuses_to_be_changed);
async fn the_ledger_refuses_to_be_changed(deployment: Deployment) {
    let _till = write_something(&deployment).await;
    for table in ["admissions", "sales"] {
        let column = if table == "admissions" { "seq" } else { "receipt_number" };
        let mut statements = vec![
            format!("update {table} set {column} = {column} + 1"),
            format!("update {table} set {column} = {column}"),
            format!("delete from {table}"),
        ];
        match deployment.setup {
            Setup::Shared => statements.extend([format!("truncate {table} cascade"), format!("truncate {table}")]),
            // A replacement deletes the row with the same key; it must not get past the triggers on deletes.
            Setup::Embedded => {
                statements.push(format!("pragma recursive_triggers = on; insert or replace into {table} select * from {table}"))
            }
        }
        for statement in statements {
            let before = dump(&deployment, table).await;
            assert!(deployment.ledger.execute(&statement).await.is_err(), "the ledger let through: {statement}");
            assert_eq!(dump(&deployment, table).await, before, "{statement}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_row_of_an_embedded_ledger_is_replaced() {
    let deployment = Plan::embedded().open().await;
    let till = write_something(&deployment).await;
    let event = deployment.admin.event("Fair").await;
    let stall = deployment.admin.ticket_type(&event, "Stall", "5.00").await;
    let hold = till.hold(&event, basket(&[(&stall, 1)])).await;
    let mut sale = sale_of(&event, basket(&[(&stall, 1)]), card());
    sale["hold"] = hold["id"].clone();
    till.send_sale(&sale).await.ok(201);

    // On any connection, with or without recursive triggers: another row in the place of an existing one.
    let sale = "event_id, receipt_number + 1000, session_id, device_id, currency, total_minor, method, recorded_at, fingerprint";
    let sales =
        "organisation_id, id, event_id, receipt_number, session_id, device_id, currency, total_minor, method, recorded_at, fingerprint";
    let movement = "event_id, randomblob(16), seq, direction, used, inside, recorded_at, fingerprint";
    let admissions = "organisation_id, id, event_id, ticket_id, seq, direction, used, inside, recorded_at, fingerprint";
    for statement in [
        format!("insert or replace into sales (rowid, {sales}) select rowid, organisation_id, randomblob(16), {sale} from sales"),
        format!("insert or replace into sales (hold_id, {sales}) select hold_id, organisation_id, randomblob(16), {sale} from sales where hold_id is not null"),
        format!("insert or replace into admissions (rowid, {admissions}) select rowid, organisation_id, randomblob(16), {movement} from admissions"),
        "insert or replace into sale_lines (rowid, organisation_id, sale_id, place, ticket_type_id, name, quantity, unit_minor, amount_minor) \
         select rowid, organisation_id, randomblob(16), place, ticket_type_id, name, quantity, unit_minor, amount_minor from sale_lines".to_owned(),
    ] {
        let refusal = deployment.ledger.execute(&statement).await.expect_err(&statement);
        assert!(refusal.to_string().contains("append-only"), "{statement}: {refusal}");
    }
}

on_both!(the_lines_of_a_sale_refuse_it_too);
async fn the_lines_of_a_sale_refuse_it_too(deployment: Deployment) {
    let _till = write_something(&deployment).await;
    for statement in ["update sale_lines set quantity = quantity + 1", "delete from sale_lines"] {
        assert!(deployment.ledger.execute(statement).await.is_err(), "the ledger let through: {statement}");
    }
}

on_both!(what_was_voided_stays_so);
async fn what_was_voided_stays_so(deployment: Deployment) {
    let till = write_something(&deployment).await;
    let event = deployment.admin.event("Fair").await;
    let stall = deployment.admin.ticket_type(&event, "Stall", "5.00").await;
    till.void(&till.sell(&event, basket(&[(&stall, 1)]), card()).await).await;
    let mut statements = vec!["update sale_voids set reason = 'none'", "delete from sale_voids"];
    statements.push(match deployment.setup {
        Setup::Shared => "truncate sale_voids",
        Setup::Embedded => "pragma recursive_triggers = on; insert or replace into sale_voids select * from sale_voids",
    });
    for statement in statements {
        assert!(deployment.ledger.execute(statement).await.is_err(), "the ledger let through: {statement}");
    }
    assert_eq!(deployment.ledger.count("select count(*) from sale_voids where reason = 'Wrong date'", &[]).await, 1);
}

/// One sale of two tickets, one of them let in; answers the till that sold them.
async fn write_something(deployment: &Deployment) -> Till {
    let event = deployment.admin.event("Gala").await;
    let seat = deployment.admin.ticket_type(&event, "Seat", "12.50").await;
    let seller = deployment.admin.hire("box_office").await;
    let till = deployment.admin.till(&seller).await;
    let sold = till.sell(&event, basket(&[(&seat, 2)]), card()).await;
    till.admits(&event, sold["tickets"][0]["code"].as_str().unwrap()).await;
    assert_eq!((deployment.ledger.admissions(&event.id).await, deployment.ledger.sales(&event.id).await), (1, 1));
    till
}

/// Enough of a table to see that nothing in it has moved.
async fn dump(deployment: &Deployment, table: &str) -> [i64; 2] {
    let column = if table == "admissions" { "seq" } else { "receipt_number" };
    let count = deployment.ledger.count(&format!("select count(*) from {table}"), &[]).await;
    [count, deployment.ledger.count(&format!("select cast(sum({column}) as bigint) from {table}"), &[]).await]
}
