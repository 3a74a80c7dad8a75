//! Guests are found by any part of the name, in any script; accents and case do not count.

use serde_json::json;

use super::{Door, add, names, new_list};
use crate::support::{Deployment, new_id, on_both};

on_both!(any_part_of_a_name_in_any_script);
async fn any_part_of_a_name_in_any_script(deployment: Deployment) {
    let door = Door::open(&deployment).await;
    let all = [
        "José Núñez",
        "Zoe\u{308} Straßer",
        "Łukasz Żółć",
        "Søren Ærø",
        "İpek Işık",
        "Ὀδυσσεύς Παπαδόπουλος",
        "Фёдор Достоевский",
        "أَحْمَد الآغا",
        "מִרְיָם כהן",
        "田中 太郎",
        "ﾀﾅｶ ガブリエル",
        "각성호",
        "สมชาย ใจดี",
        "अमित शर्मा",
        "Siobhán O’Brien-Smith",
        "DJ 100% Ünderscore_",
    ];
    let guests: Vec<_> = all.iter().map(|name| json!({"name": name})).collect();
    assert_eq!(add(&deployment.admin.client, &door.list, json!(guests)).await.ok(200)["created"], all.len());
    let client = door.phone.at(deployment.b()).client.clone();
    for (query, found) in [
        ("nunez", all[0]),
        ("JOSÉ", all[0]),
        ("nez jo", all[0]),
        ("zoë", all[1]),
        ("STRASSER", all[1]),
        ("straße", all[1]),
        ("lukasz", all[2]),
        ("zolc", all[2]),
        ("soren", all[3]),
        ("ærø", all[3]),
        ("ipek ISIK", all[4]),
        ("ışık", all[4]),
        ("οδυσσευσ", all[5]),
        ("ΠΑΠΑΔΌΠΟΥΛΟΣ", all[5]),
        ("федор", all[6]),
        ("ДОСТОЕВ", all[6]),
        ("احمد", all[7]),
        ("مد الاغا", all[7]),
        ("מרים", all[8]),
        ("太郎", all[9]),
        ("郎 田", all[9]),
        ("たなか", all[10]),
        ("ガブリエル", all[10]),
        ("\u{1100}\u{1161}\u{11a8}성", all[11]),
        ("ชาย", all[12]),
        ("शर्मा", all[13]),
        ("obrien smith", all[14]),
        ("o'brien-smith", all[14]),
        ("100%", all[15]),
        ("under", all[15]),
    ] {
        assert_eq!(door.find(&client, query).await, [found], "{query}");
    }
    for query in ["strassel", "zzz", "jose soren", "太田"] {
        assert_eq!(door.find(&client, query).await, Vec::<String>::new(), "{query}");
    }
}

on_both!(a_list_and_who_has_arrived_narrow_the_search);
async fn a_list_and_who_has_arrived_narrow_the_search(deployment: Deployment) {
    let door = Door::open(&deployment).await;
    let press = new_list(&deployment.admin.client, &door.event, "Press").await;
    add(&deployment.admin.client, &press, json!([{"name": "Ada", "party_size": 2}])).await.ok(200);
    let (all, part) = (door.guest(&deployment, "Bo", 2).await, door.guest(&deployment, "Cy", 2).await);
    door.guest(&deployment, "Di", 1).await;
    door.phone.lets_in(&all, None).await;
    door.phone.lets_in(&part, Some(1)).await;
    let client = &door.phone.client;
    for (query, found) in [
        (vec![], vec!["Ada", "Bo", "Cy", "Di"]),
        (vec![("list", press.as_str())], vec!["Ada"]),
        (vec![("arrived", "none")], vec!["Ada", "Di"]),
        (vec![("arrived", "part")], vec!["Cy"]),
        (vec![("arrived", "all")], vec!["Bo"]),
        (vec![("arrived", "none"), ("list", door.list.as_str()), ("q", "d")], vec!["Di"]),
    ] {
        assert_eq!(names(&door.search(client, &query).await.ok(200)), found, "{query:?}");
    }
}

on_both!(a_list_that_is_not_of_this_event_is_not_found);
async fn a_list_that_is_not_of_this_event_is_not_found(mut deployment: Deployment) {
    let rival = deployment.another_organisation().await;
    let door = Door::open(&deployment).await;
    let foreign = new_list(&rival.client, &rival.event("Rival gala").await, "Friends").await;
    let elsewhere = new_list(&deployment.admin.client, &deployment.admin.event("Matinee").await, "Friends").await;
    let struck = new_list(&deployment.admin.client, &door.event, "Struck").await;
    deployment.admin.client.delete(&format!("/v1/guest-lists/{struck}")).await.ok(204);
    for list in [foreign, elsewhere, struck, new_id()] {
        door.search(&door.phone.client, &[("list", &list)]).await.problem(404, "not_found");
    }
}

on_both!(pages_go_on_in_the_order_of_names);
async fn pages_go_on_in_the_order_of_names(deployment: Deployment) {
    let door = Door::open(&deployment).await;
    let guests: Vec<_> = ["éva", "Dora", "Ägidius", "zora", "Bert", "Bert"].iter().map(|name| json!({"name": name})).collect();
    add(&deployment.admin.client, &door.list, json!(guests)).await.ok(200);
    let mut found = Vec::new();
    let mut cursor = None;
    loop {
        let mut query = vec![("limit", "2".to_owned())];
        query.extend(cursor.map(|cursor| ("cursor", cursor)));
        let query: Vec<(&str, &str)> = query.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let page = door.search(&door.phone.client, &query).await.ok(200);
        found.extend(names(&page));
        match page["next_cursor"].as_str() {
            Some(next) => cursor = Some(next.to_owned()),
            None => break,
        }
    }
    assert_eq!(found, ["Ägidius", "Bert", "Bert", "Dora", "éva", "zora"]);
}

on_both!(what_no_search_may_be);
async fn what_no_search_may_be(deployment: Deployment) {
    let door = Door::open(&deployment).await;
    door.guest(&deployment, "Zoë", 1).await;
    let client = &door.phone.client;
    door.search(client, &[("q", &"x".repeat(201))]).await.invalid_at("/q");
    door.search(client, &[("limit", "1001")]).await.invalid_at("/limit");
    door.search(client, &[("cursor", "?")]).await.invalid_at("/cursor");
    for odd in [("arrived", "some"), ("list", "nobody"), ("limit", "many")] {
        door.search(client, &[odd]).await.problem(422, "invalid_body");
    }
    for odd in ["\0", "%", "_", "\\", "'; drop table guests; --", "\u{202e}", "\u{301}"] {
        door.search(client, &[("q", odd)]).await.ok(200);
    }
    assert_eq!(door.find(client, "\0zo\0").await, ["Zoë"]);
    assert_eq!(door.find(client, "z o e z o e z o nine").await, ["Zoë"], "eight words count");
}
