//! E1–E7, S5: who belongs to the house, what each may do, and who may change that.

mod authority;
mod roles;

use serde_json::{Value, json};

use crate::support::{House, ids_of, on_both};

on_both!(an_administrator_hires_and_everybody_is_listed);
async fn an_administrator_hires_and_everybody_is_listed(house: House) {
    let event = house.admin.event("Gala").await;
    let body = house.admin.new_member("door_operator", &[&event]);
    let member = house.admin.line.post("/v1/team", &body).await.ok(201);
    for name in ["name", "username", "email"] {
        assert_eq!(member["user"][name], body[name]);
    }
    assert_eq!((&member["role"], &member["status"]), (&json!("door_operator"), &json!("active")));
    assert_eq!(ids_of(&member["events"]), [event.id]);
    assert!(!member.to_string().contains(body["password"].as_str().unwrap()));

    let everybody = house.b().with_token(house.admin.line.token()).get("/v1/team").await.ok(200);
    let mut names: Vec<_> = everybody["items"].as_array().unwrap().iter().map(|item| item["user"]["username"].clone()).collect();
    names.sort_by_key(Value::to_string);
    assert_eq!(names, [json!(house.admin.who.username), body["username"].clone()]);
}

on_both!(the_team_is_searched_by_name_and_role);
async fn the_team_is_searched_by_name_and_role(house: House) {
    let scanner = house.admin.hire("scanner").await;
    house.admin.hire("viewer").await;
    for query in ["role=scanner".to_owned(), format!("q={}", scanner.username)] {
        let found = house.admin.line.get(&format!("/v1/team?{query}")).await.ok(200);
        let users: Vec<_> = found["items"].as_array().unwrap().iter().map(|item| item["user"]["id"].clone()).collect();
        assert_eq!(users, [json!(scanner.id)], "{query}");
    }
}

on_both!(a_username_is_taken_once);
async fn a_username_is_taken_once(house: House) {
    let body = house.admin.new_member("scanner", &[]);
    house.admin.line.post("/v1/team", &body).await.ok(201);
    let mut again = house.admin.new_member("viewer", &[]);
    again["username"] = body["username"].clone();
    house.admin.line.post("/v1/team", &again).await.problem(409, "name_taken");
}

on_both!(what_is_sent_for_a_member_is_checked);
async fn what_is_sent_for_a_member_is_checked(house: House) {
    let refused = |name: &str, value: Value| {
        let mut body = house.admin.new_member("scanner", &[]);
        body[name] = value;
        let line = house.admin.line.clone();
        async move { line.post("/v1/team", &body).await }
    };
    refused("role", json!("emperor")).await.invalid_at("/role");
    refused("password", json!("short")).await.invalid_at("/password");
    refused("name", json!("")).await.invalid_at("/name");
    refused("rôle", json!("scanner")).await.problem(422, "invalid_body");
    let member = house.admin.hire("scanner").await;
    house.admin.try_change(&member, json!({"grant": ["pos:everything"]})).await.problem(422, "invalid_body");
    house.admin.try_change(&member, json!({"rolle": "viewer"})).await.problem(422, "invalid_body");
}

on_both!(only_who_manages_the_team_changes_it);
async fn only_who_manages_the_team_changes_it(house: House) {
    let target = house.admin.hire("scanner").await;
    for role in ["event_manager", "finance_manager", "scanner", "viewer", "box_office", "door_operator", "none"] {
        let desk = house.admin.hire(role).await.desk(house.b()).await;
        let path = format!("/v1/team/{}", target.id);
        let refusals = [
            desk.line.post("/v1/team", &house.admin.new_member("scanner", &[])).await,
            desk.line.patch(&path, &json!({"role": "viewer"})).await,
            desk.line.put(&format!("{path}/events"), &json!({"events": []})).await,
            desk.line.delete(&path).await,
        ];
        for refusal in refusals {
            assert_eq!(refusal.problem(403, "permission_missing")["permission"], "team:manage", "{role}");
        }
        assert_eq!(desk.line.get("/v1/team").await.problem(403, "permission_missing")["permission"], "team:view");
    }
}

on_both!(who_is_removed_is_gone_from_this_house);
async fn who_is_removed_is_gone_from_this_house(house: House) {
    let scanner = house.admin.hire("scanner").await;
    house.admin.remove(&scanner).await;
    let path = format!("/v1/team/{}", scanner.id);
    house.admin.line.delete(&path).await.problem(404, "not_found");
    house.admin.line.patch(&path, &json!({"role": "viewer"})).await.problem(404, "not_found");
    let left = house.admin.line.get("/v1/team").await.ok(200);
    assert_eq!(left["items"].as_array().unwrap().len(), 1);
}

on_both!(a_role_change_holds_at_once_on_every_gateway);
async fn a_role_change_holds_at_once_on_every_gateway(house: House) {
    let event = house.admin.event("Gala").await;
    let member = house.admin.hire("none").await;
    let phone = house.admin.phone(&member).await.at(house.b());
    let refused = phone.try_scan(&event, "A-1").await;
    assert_eq!(refused.problem(403, "permission_missing")["permission"], "entry:scan");

    house.admin.change(&member, json!({"role": "scanner"})).await;
    phone.refuses(&event, "A-1", "unknown_ticket").await;
    house.admin.change(&member, json!({"role": "finance_manager"})).await;
    phone.try_scan(&event, "A-1").await.problem(403, "permission_missing");
}

on_both!(a_search_for_odd_characters_finds_nobody);
async fn a_search_for_odd_characters_finds_nobody(house: House) {
    for odd in ["%00", "%25", "_%5C", "%F0%9F%8E%AB"] {
        let found = house.admin.line.get(&format!("/v1/team?q={odd}")).await.ok(200);
        let expected = if odd == "%00" { 1 } else { 0 };
        assert_eq!(found["items"].as_array().unwrap().len(), expected, "{odd}: {found}");
    }
}
