//! Guests are found by any part of the name, in any script; accents and case do not count.

use serde_json::json;

use super::{Door, add, names, new_list};
use crate::support::{House, new_id, on_both};

on_both!(any_part_of_a_name_in_any_script);
async fn any_part_of_a_name_in_any_script(house: House) {
    let door = Door::open(&house).await;
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
    assert_eq!(add(&house.admin.line, &door.list, json!(guests)).await.ok(200)["created"], all.len());
    let line = door.phone.at(house.b()).line.clone();
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
        assert_eq!(door.find(&line, query).await, [found], "{query}");
    }
    for query in ["strassel", "zzz", "jose soren", "太田"] {
        assert_eq!(door.find(&line, query).await, Vec::<String>::new(), "{query}");
    }
}

on_both!(a_list_and_who_has_arrived_narrow_the_search);
async fn a_list_and_who_has_arrived_narrow_the_search(house: House) {
    let door = Door::open(&house).await;
    let press = new_list(&house.admin.line, &door.event, "Press").await;
    add(&house.admin.line, &press, json!([{"name": "Ada", "party_size": 2}])).await.ok(200);
    let (all, part) = (door.guest(&house, "Bo", 2).await, door.guest(&house, "Cy", 2).await);
    door.guest(&house, "Di", 1).await;
    door.phone.lets_in(&all, None).await;
    door.phone.lets_in(&part, Some(1)).await;
    let line = &door.phone.line;
    for (query, found) in [
        (vec![], vec!["Ada", "Bo", "Cy", "Di"]),
        (vec![("list", press.as_str())], vec!["Ada"]),
        (vec![("arrived", "none")], vec!["Ada", "Di"]),
        (vec![("arrived", "part")], vec!["Cy"]),
        (vec![("arrived", "all")], vec!["Bo"]),
        (vec![("arrived", "none"), ("list", door.list.as_str()), ("q", "d")], vec!["Di"]),
    ] {
        assert_eq!(names(&door.search(line, &query).await.ok(200)), found, "{query:?}");
    }
}

on_both!(a_list_that_is_not_of_this_event_is_not_found);
async fn a_list_that_is_not_of_this_event_is_not_found(mut house: House) {
    let rival = house.another_organisation().await;
    let door = Door::open(&house).await;
    let foreign = new_list(&rival.line, &rival.event("Rival gala").await, "Friends").await;
    let elsewhere = new_list(&house.admin.line, &house.admin.event("Matinee").await, "Friends").await;
    let struck = new_list(&house.admin.line, &door.event, "Struck").await;
    house.admin.line.delete(&format!("/v1/guest-lists/{struck}")).await.ok(204);
    for list in [foreign, elsewhere, struck, new_id()] {
        door.search(&door.phone.line, &[("list", &list)]).await.problem(404, "not_found");
    }
}

on_both!(pages_go_on_in_the_order_of_names);
async fn pages_go_on_in_the_order_of_names(house: House) {
    let door = Door::open(&house).await;
    let guests: Vec<_> = ["éva", "Dora", "Ägidius", "zora", "Bert", "Bert"].iter().map(|name| json!({"name": name})).collect();
    add(&house.admin.line, &door.list, json!(guests)).await.ok(200);
    let mut found = Vec::new();
    let mut cursor = None;
    loop {
        let mut query = vec![("limit", "2".to_owned())];
        query.extend(cursor.map(|cursor| ("cursor", cursor)));
        let query: Vec<(&str, &str)> = query.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let page = door.search(&door.phone.line, &query).await.ok(200);
        found.extend(names(&page));
        match page["next_cursor"].as_str() {
            Some(next) => cursor = Some(next.to_owned()),
            None => break,
        }
    }
    assert_eq!(found, ["Ägidius", "Bert", "Bert", "Dora", "éva", "zora"]);
}

on_both!(what_no_search_may_be);
async fn what_no_search_may_be(house: House) {
    let door = Door::open(&house).await;
    door.guest(&house, "Zoë", 1).await;
    let line = &door.phone.line;
    door.search(line, &[("q", &"x".repeat(201))]).await.invalid_at("/q");
    door.search(line, &[("limit", "1001")]).await.invalid_at("/limit");
    door.search(line, &[("cursor", "?")]).await.invalid_at("/cursor");
    for odd in [("arrived", "some"), ("list", "nobody"), ("limit", "many")] {
        door.search(line, &[odd]).await.problem(422, "invalid_body");
    }
    for odd in ["\0", "%", "_", "\\", "'; drop table guests; --", "\u{202e}", "\u{301}"] {
        door.search(line, &[("q", odd)]).await.ok(200);
    }
    assert_eq!(door.find(line, "\0zo\0").await, ["Zoë"]);
    assert_eq!(door.find(line, "z o e z o e z o nine").await, ["Zoë"], "eight words count");
}
