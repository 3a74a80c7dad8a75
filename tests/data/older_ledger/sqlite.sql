PRAGMA foreign_keys=OFF;
BEGIN TRANSACTION;
CREATE TABLE _sqlx_migrations (
    version BIGINT PRIMARY KEY,
    description TEXT NOT NULL,
    installed_on TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP,
    success BOOLEAN NOT NULL,
    checksum BLOB NOT NULL,
    execution_time BIGINT NOT NULL
);
INSERT INTO _sqlx_migrations VALUES(1,'book','2026-12-01 13:44:58',1,X'30677a867b6badbe7d855fd144b37c512caa0f790fb3a0e2f136e76adef72aa7963857433067278fab79b148d231788d',9221851);
INSERT INTO _sqlx_migrations VALUES(4,'taken back and carried over','2026-12-01 13:44:58',1,X'c4734dc072a49bedb8a404d1023eb8860d5d5d7e61cebbf1eeb8097ff97d8e30f8f3878b37ea88683cfcebe6e8acda88',6680672);
INSERT INTO _sqlx_migrations VALUES(5,'ticket windows','2026-12-01 13:44:58',1,X'813caa8d09f7016921c9b0f5315985667ac529d2ea551086f95c61e722d611d01d60137899222bce8af9fef92eed962e',3248389);
INSERT INTO _sqlx_migrations VALUES(6,'holds and voids','2026-12-01 13:44:58',1,X'3358df96a9a637add89a062843c8fa7333428fe2d3534f27d074cae3360705ed51bea836c61a07c9974195b781a77e54',7140759);
INSERT INTO _sqlx_migrations VALUES(7,'guest lists','2026-12-01 13:44:58',1,X'0932defacdfbd78ad97a9ff4f66ced6d16703f11845c0ead15a15c9e8ce6df2fbd4a99142786fee87bdd3254f939b7bd',3387429);
INSERT INTO _sqlx_migrations VALUES(8,'sessions and keys','2026-12-01 13:44:58',1,X'0d1ff6629b0a0c36f859ffc1eee29111a3c385a6c07d63a896e80ffe0d5cddbf503c2ae73665aa9a3c7de8131222c09f',1137491);
INSERT INTO _sqlx_migrations VALUES(10,'movements of an event','2026-12-01 13:44:58',1,X'74ee6bfc3803f393fe9820282bfd8c2645135649e55aa0346049e83c3e84fc171bfdc64a843fb9d2ff08f9a7a1b2c9ba',800693);
INSERT INTO _sqlx_migrations VALUES(11,'no row replaced','2026-12-01 13:44:58',1,X'28cdc16625ade08e7f79ffb127438b807b4595067f8962f5fb587e16a9538d9df5be689ae3ce9aa556b21bbdf4fcc0a5',4799202);
CREATE TABLE book (
    one         integer primary key default 1 check (one = 1),
    id          blob    not null,
    change_seq  integer not null default 0
) strict;
INSERT INTO book VALUES(1,X'c9c9dfa9c9b03c9a6711f6d73a1c39a5',5);
CREATE TABLE signing_keys (
    kid         text primary key,
    seed        text not null,
    created_at  text not null,
    retired_at  text
) strict;
INSERT INTO signing_keys VALUES('01a231d9-f8f9-70ed-9627-e4769e08f7d1','Gzw1jZRuCBuBH3qfvvaonU_NNHZsP8eycqBs8K0gPDE','2026-12-01T13:44:58.361+00:00',NULL);
CREATE TABLE organisations (
    id          blob primary key,
    slug        text not null constraint organisations_slug unique,
    name        text not null,
    version     integer not null default 1,
    created_at  text not null
) strict;
INSERT INTO organisations VALUES(X'01a231d9f98173e4a02145e5fe6afda5','old-hall','The Old Hall',3,'2026-12-01T13:44:58.497+00:00');
CREATE TABLE receipt_counters (
    organisation_id  blob primary key references organisations,
    last             integer not null default 0
) strict;
INSERT INTO receipt_counters VALUES(X'01a231d9f98173e4a02145e5fe6afda5',3);
CREATE TABLE users (
    id             blob primary key,
    name           text not null,
    email          text not null,
    password_hash  text not null,
    version        integer not null default 1,
    created_at     text not null
) strict;
INSERT INTO users VALUES(X'01a231d9f98173e4a02145e681e9d401','owner','owner@example.org','$argon2id$v=19$m=7168,t=5,p=1$vnPIRvthqQQjf2+6MvT1cw$mH1y+nBbqZre7kABZBQjgYe646+poRpf0ZJGS3h2A5o',1,'2026-12-01T13:44:58.497+00:00');
INSERT INTO users VALUES(X'01a231d9fb267551a8024863ff114f9a','scanner','scanner@example.org','$argon2id$v=19$m=7168,t=5,p=1$o3+UX4PEDc/SnR/H+BwXHA$MSTq2YKgvw2upgS0wwH6ZlGkz/WUDufcR6rTBhsQ1qU',1,'2026-12-01T13:44:58.918+00:00');
INSERT INTO users VALUES(X'01a231d9fbe672ce9cea7721a8e9e8c2','seller','seller@example.org','$argon2id$v=19$m=7168,t=5,p=1$Dus4XsoojagBalGXzJ5gTw$a3Xc/GwiPEOnvyw3IT+9GxEMyXxImxdcfdy6m+Wanhk',1,'2026-12-01T13:44:59.110+00:00');
CREATE TABLE memberships (
    id               blob primary key,
    organisation_id  blob not null references organisations,
    user_id          blob not null references users,
    username         text not null,
    username_key     text not null,
    role             text not null,
    grants           text not null default '[]',
    revokes          text not null default '[]',
    events           text not null default '[]',
    status           text not null check (status in ('active', 'suspended', 'removed')),
    version          integer not null default 1,
    created_at       text not null,
    constraint memberships_one_per_person unique (organisation_id, user_id)
) strict;
INSERT INTO memberships VALUES(X'01a231d9f98173e4a02145e760069054',X'01a231d9f98173e4a02145e5fe6afda5',X'01a231d9f98173e4a02145e681e9d401','owner','owner','organisation_admin','[]','[]','[]','active',1,'2026-12-01T13:44:58.497+00:00');
INSERT INTO memberships VALUES(X'01a231d9fb267551a8024864923456d4',X'01a231d9f98173e4a02145e5fe6afda5',X'01a231d9fb267551a8024863ff114f9a','scanner','scanner','scanner','[]','[]','["01a231d9-fa9c-77ff-be3f-3fcddf33ef48"]','active',1,'2026-12-01T13:44:58.918+00:00');
INSERT INTO memberships VALUES(X'01a231d9fbe672ce9cea77227fa6a449',X'01a231d9f98173e4a02145e5fe6afda5',X'01a231d9fbe672ce9cea7721a8e9e8c2','seller','seller','box_office','[]','[]','["01a231d9-fa9c-77ff-be3f-3fcddf33ef48"]','active',1,'2026-12-01T13:44:59.110+00:00');
CREATE TABLE devices (
    id                    blob primary key,
    organisation_id       blob not null references organisations,
    name                  text not null,
    kind                  text not null check (kind in ('scanner', 'pos')),
    gate                  text,
    enrolment_hash        text,
    enrolment_expires_at  text,
    enrolment_id          blob,
    enrolled_at           text,
    revoked_at            text,
    hardware              text,
    version               integer not null default 1,
    created_at            text not null,
    seen_at               text
) strict;
INSERT INTO devices VALUES(X'01a231d9fbf8741ab50191cb63a3d18b',X'01a231d9f98173e4a02145e5fe6afda5','Phone 1','scanner','North',NULL,NULL,X'01a231d9fbfc75be910ab0bcdacd709c','2026-12-01T13:44:59.132+00:00',NULL,NULL,2,'2026-12-01T13:44:59.128+00:00','2026-12-01T13:44:59.320+00:00');
INSERT INTO devices VALUES(X'01a231d9fbff7034885a2d77bac8acd9',X'01a231d9f98173e4a02145e5fe6afda5','Till 1','pos','North',NULL,NULL,X'01a231d9fc0c7504b36ec8bd7ce4753d','2026-12-01T13:44:59.148+00:00',NULL,NULL,2,'2026-12-01T13:44:59.135+00:00','2026-12-01T13:44:59.829+00:00');
CREATE TABLE sessions (
    id               blob primary key,
    organisation_id  blob not null references organisations,
    membership_id    blob not null references memberships,
    device_id        blob references devices,
    kind             text not null check (kind in ('scanner', 'pos', 'backstage')),
    started_at       text not null,
    expires_at       text not null,
    idle_seconds     integer not null,
    ended_at         text,
    end_reason       text,
    displaced_by     text,
    version          integer not null default 1,
    seen_at          text not null
) strict;
INSERT INTO sessions VALUES(X'01a231d9fa9271d2bf927321df2cd528',X'01a231d9f98173e4a02145e5fe6afda5',X'01a231d9f98173e4a02145e760069054',NULL,'backstage','2026-12-01T13:44:58.770+00:00','2026-12-02T01:44:58.770+00:00',3600,NULL,NULL,NULL,1,'2026-12-01T13:44:58.776+00:00');
INSERT INTO sessions VALUES(X'01a231d9fca375c088751d2a579dae87',X'01a231d9f98173e4a02145e5fe6afda5',X'01a231d9fb267551a8024864923456d4',X'01a231d9fbf8741ab50191cb63a3d18b','scanner','2026-12-01T13:44:59.298+00:00','2026-12-02T13:44:59.298+00:00',43200,NULL,NULL,NULL,1,'2026-12-01T13:44:59.320+00:00');
INSERT INTO sessions VALUES(X'01a231d9fd0c7435ae235f5db919e301',X'01a231d9f98173e4a02145e5fe6afda5',X'01a231d9fbe672ce9cea77227fa6a449',X'01a231d9fbff7034885a2d77bac8acd9','pos','2026-12-01T13:44:59.404+00:00','2026-12-02T13:44:59.404+00:00',43200,NULL,NULL,NULL,1,'2026-12-01T13:44:59.829+00:00');
CREATE TABLE events (
    id               blob primary key,
    organisation_id  blob not null references organisations,
    name             text not null,
    venue            text,
    starts_at        text not null,
    ends_at          text not null,
    timezone         text not null,
    currency         text not null,
    status           text not null check (status in ('draft', 'live', 'ended', 'cancelled')),
    version          integer not null default 1,
    created_at       text not null
) strict;
INSERT INTO events VALUES(X'01a231d9fa9c77ffbe3f3fcddf33ef48',X'01a231d9f98173e4a02145e5fe6afda5','Winter Concert',NULL,'2026-06-01T19:00:00+00:00','2046-06-01T23:00:00+00:00','Europe/Berlin','EUR','live',3,'2026-12-01T13:44:58.780+00:00');
CREATE TABLE ticket_types (
    id               blob primary key,
    organisation_id  blob not null references organisations,
    event_id         blob not null references events,
    name             text not null,
    price_minor      integer not null check (price_minor >= 0),
    quota            integer,
    entries_allowed  integer not null,
    reentry          integer not null,
    gates            text not null default '[]',
    valid_from       text,
    valid_until      text,
    taken            integer not null default 0,
    created_at       text not null,
    constraint ticket_types_name unique (event_id, name)
) strict;
INSERT INTO ticket_types VALUES(X'01a231d9fa9f7065906391b2235ab10f',X'01a231d9f98173e4a02145e5fe6afda5',X'01a231d9fa9c77ffbe3f3fcddf33ef48','Standing',2500,100,1,1,'[]',NULL,NULL,11,'2026-12-01T13:44:58.783+00:00');
CREATE TABLE tickets (
    id               blob primary key,
    organisation_id  blob not null,
    event_id         blob not null,
    ticket_type_id   blob not null,
    code             text not null,
    holder           text,
    status           text not null check (status in ('valid', 'unpaid', 'void', 'refunded', 'blocked')),
    entries_allowed  integer not null,
    sale_id          blob,
    version          integer not null default 0,
    created_at       text not null, valid_from text, valid_until text,
    constraint tickets_code unique (event_id, code)
) strict;
INSERT INTO tickets VALUES(X'01a231d9faab7691838f86df9911a5a8',X'01a231d9f98173e4a02145e5fe6afda5',X'01a231d9fa9c77ffbe3f3fcddf33ef48',X'01a231d9fa9f7065906391b2235ab10f','OLD-1',NULL,'valid',1,NULL,0,'2026-12-01T13:44:58.795+00:00',NULL,NULL);
INSERT INTO tickets VALUES(X'01a231d9faab7691838f86e0e6de320a',X'01a231d9f98173e4a02145e5fe6afda5',X'01a231d9fa9c77ffbe3f3fcddf33ef48',X'01a231d9fa9f7065906391b2235ab10f','OLD-2',NULL,'valid',1,NULL,0,'2026-12-01T13:44:58.795+00:00',NULL,NULL);
INSERT INTO tickets VALUES(X'01a231d9faab7691838f86e1b89480a5',X'01a231d9f98173e4a02145e5fe6afda5',X'01a231d9fa9c77ffbe3f3fcddf33ef48',X'01a231d9fa9f7065906391b2235ab10f','OLD-3',NULL,'valid',1,NULL,0,'2026-12-01T13:44:58.795+00:00',NULL,NULL);
INSERT INTO tickets VALUES(X'01a231d9faab7691838f86e2df159df2',X'01a231d9f98173e4a02145e5fe6afda5',X'01a231d9fa9c77ffbe3f3fcddf33ef48',X'01a231d9fa9f7065906391b2235ab10f','OLD-4',NULL,'valid',1,NULL,0,'2026-12-01T13:44:58.795+00:00',NULL,NULL);
INSERT INTO tickets VALUES(X'01a231d9faab7691838f86e3734af60d',X'01a231d9f98173e4a02145e5fe6afda5',X'01a231d9fa9c77ffbe3f3fcddf33ef48',X'01a231d9fa9f7065906391b2235ab10f','OLD-5',NULL,'valid',1,NULL,0,'2026-12-01T13:44:58.795+00:00',NULL,NULL);
INSERT INTO tickets VALUES(X'01a231d9faab7691838f86e499c4c772',X'01a231d9f98173e4a02145e5fe6afda5',X'01a231d9fa9c77ffbe3f3fcddf33ef48',X'01a231d9fa9f7065906391b2235ab10f','OLD-6',NULL,'valid',1,NULL,0,'2026-12-01T13:44:58.795+00:00',NULL,NULL);
INSERT INTO tickets VALUES(X'01a231d9fd55731096d4d2d5ad3cd086',X'01a231d9f98173e4a02145e5fe6afda5',X'01a231d9fa9c77ffbe3f3fcddf33ef48',X'01a231d9fa9f7065906391b2235ab10f','54z7rrb5tnildwsv4pkonbzgllpbbrln',NULL,'valid',1,X'00000000000040008000000000000007',0,'2026-12-01T13:44:59.478+00:00',NULL,NULL);
INSERT INTO tickets VALUES(X'01a231d9fd56773290bd326d8f6780de',X'01a231d9f98173e4a02145e5fe6afda5',X'01a231d9fa9c77ffbe3f3fcddf33ef48',X'01a231d9fa9f7065906391b2235ab10f','4mm2sdtekw5eguvuqbgfniq54tofdbbv',NULL,'valid',1,X'00000000000040008000000000000007',0,'2026-12-01T13:44:59.478+00:00',NULL,NULL);
INSERT INTO tickets VALUES(X'01a231d9fd6073738933676d9e999a07',X'01a231d9f98173e4a02145e5fe6afda5',X'01a231d9fa9c77ffbe3f3fcddf33ef48',X'01a231d9fa9f7065906391b2235ab10f','ai44xdvxe6bi4ravq4q47mbksxwloh2p',NULL,'void',1,X'00000000000040008000000000000008',3,'2026-12-01T13:44:59.488+00:00',NULL,NULL);
INSERT INTO tickets VALUES(X'01a231d9fd6772efbc0de3c7d815d1f6',X'01a231d9f98173e4a02145e5fe6afda5',X'01a231d9fa9c77ffbe3f3fcddf33ef48',X'01a231d9fa9f7065906391b2235ab10f','5rcwuv3lafvhz5rfwegxxg6qvtgdklom',NULL,'valid',1,X'00000000000040008000000000000010',0,'2026-12-01T13:44:59.496+00:00',NULL,NULL);
INSERT INTO tickets VALUES(X'01a231d9fd6772efbc0de3c8c4768528',X'01a231d9f98173e4a02145e5fe6afda5',X'01a231d9fa9c77ffbe3f3fcddf33ef48',X'01a231d9fa9f7065906391b2235ab10f','vgukbtjk3psvq7sh4dpfrsrlx67fa62b',NULL,'valid',1,X'00000000000040008000000000000010',0,'2026-12-01T13:44:59.496+00:00',NULL,NULL);
INSERT INTO tickets VALUES(X'01a231d9fd6772efbc0de3c94c17b366',X'01a231d9f98173e4a02145e5fe6afda5',X'01a231d9fa9c77ffbe3f3fcddf33ef48',X'01a231d9fa9f7065906391b2235ab10f','7hgqzlivl4tfscdacqacqhydcibcblkt',NULL,'valid',1,X'00000000000040008000000000000010',0,'2026-12-01T13:44:59.496+00:00',NULL,NULL);
CREATE TABLE sales (
    organisation_id  blob not null,
    id               blob not null,
    event_id         blob not null,
    receipt_number   integer not null,
    session_id       blob not null,
    device_id        blob not null,
    currency         text not null,
    total_minor      integer not null,
    method           text not null check (method in ('cash', 'card')),
    tendered_minor   integer,
    change_minor     integer,
    reference        text,
    recorded_at      text not null,
    fingerprint      text not null, hold_id blob,
    constraint sales_once primary key (organisation_id, id),
    constraint sales_receipt unique (organisation_id, receipt_number),
    constraint sales_change check (method <> 'cash' or tendered_minor - change_minor = total_minor)
) strict;
INSERT INTO sales VALUES(X'01a231d9f98173e4a02145e5fe6afda5',X'00000000000040008000000000000007',X'01a231d9fa9c77ffbe3f3fcddf33ef48',1,X'01a231d9fd0c7435ae235f5db919e301',X'01a231d9fbff7034885a2d77bac8acd9','EUR',5000,'cash',10000,5000,NULL,'2026-12-01T13:44:59.478+00:00','35f02d904086bacf77ab163d79f0f6bb',NULL);
INSERT INTO sales VALUES(X'01a231d9f98173e4a02145e5fe6afda5',X'00000000000040008000000000000008',X'01a231d9fa9c77ffbe3f3fcddf33ef48',2,X'01a231d9fd0c7435ae235f5db919e301',X'01a231d9fbff7034885a2d77bac8acd9','EUR',2500,'card',NULL,NULL,'R1','2026-12-01T13:44:59.488+00:00','6a42451556781c2838faa6b2fbf89658',NULL);
INSERT INTO sales VALUES(X'01a231d9f98173e4a02145e5fe6afda5',X'00000000000040008000000000000010',X'01a231d9fa9c77ffbe3f3fcddf33ef48',3,X'01a231d9fd0c7435ae235f5db919e301',X'01a231d9fbff7034885a2d77bac8acd9','EUR',7500,'card',NULL,NULL,'R1','2026-12-01T13:44:59.496+00:00','5007bed05246f06d48a3b63636fa7315',X'00000000000040008000000000000009');
CREATE TABLE sale_lines (
    organisation_id  blob not null,
    sale_id          blob not null,
    place            integer not null,
    ticket_type_id   blob not null,
    name             text not null,
    quantity         integer not null,
    unit_minor       integer not null,
    amount_minor     integer not null,
    primary key (organisation_id, sale_id, place),
    constraint sale_lines_amount check (unit_minor * quantity = amount_minor)
) strict;
INSERT INTO sale_lines VALUES(X'01a231d9f98173e4a02145e5fe6afda5',X'00000000000040008000000000000007',1,X'01a231d9fa9f7065906391b2235ab10f','Standing',2,2500,5000);
INSERT INTO sale_lines VALUES(X'01a231d9f98173e4a02145e5fe6afda5',X'00000000000040008000000000000008',1,X'01a231d9fa9f7065906391b2235ab10f','Standing',1,2500,2500);
INSERT INTO sale_lines VALUES(X'01a231d9f98173e4a02145e5fe6afda5',X'00000000000040008000000000000010',1,X'01a231d9fa9f7065906391b2235ab10f','Standing',3,2500,7500);
CREATE TABLE changes (
    seq              integer primary key,
    organisation_id  blob not null,
    at               text not null,
    ids              text not null
) strict;
INSERT INTO changes VALUES(1,X'01a231d9f98173e4a02145e5fe6afda5','2026-12-01T13:44:58.780+00:00','["01a231d9-fa9c-77ff-be3f-3fcddf33ef48"]');
INSERT INTO changes VALUES(2,X'01a231d9f98173e4a02145e5fe6afda5','2026-12-01T13:44:58.783+00:00','["01a231d9-fa9c-77ff-be3f-3fcddf33ef48"]');
INSERT INTO changes VALUES(3,X'01a231d9f98173e4a02145e5fe6afda5','2026-12-01T13:44:59.132+00:00','["01a231d9-fbf8-741a-b501-91cb63a3d18b"]');
INSERT INTO changes VALUES(4,X'01a231d9f98173e4a02145e5fe6afda5','2026-12-01T13:44:59.148+00:00','["01a231d9-fbff-7034-885a-2d77bac8acd9"]');
INSERT INTO changes VALUES(5,X'01a231d9f98173e4a02145e5fe6afda5','2026-12-01T13:44:59.521+00:00','["01a231d9-fa9c-77ff-be3f-3fcddf33ef48"]');
CREATE TABLE IF NOT EXISTS "admissions" (
    organisation_id  blob not null,
    id               blob not null,
    event_id         blob not null,
    ticket_id        blob not null,
    seq              integer not null,
    direction        text not null,
    used             integer not null check (used >= 0),
    inside           integer not null check (inside >= 0),
    session_id       blob,
    device_id        blob,
    gate             text,
    scanned_at       text,
    recorded_at      text not null,
    fingerprint      text not null,
    undoes           blob,
    constraint admissions_number primary key (ticket_id, seq),
    constraint admissions_once unique (organisation_id, id),
    constraint admissions_made_here check ((session_id is null) = (device_id is null))
) strict;
INSERT INTO admissions VALUES(X'01a231d9f98173e4a02145e5fe6afda5',X'00000000000040008000000000000001',X'01a231d9fa9c77ffbe3f3fcddf33ef48',X'01a231d9faab7691838f86df9911a5a8',1,'in',1,1,X'01a231d9fca375c088751d2a579dae87',X'01a231d9fbf8741ab50191cb63a3d18b','North',NULL,'2026-12-01T13:44:59.434+00:00','02e98efdd7bb8cf4f0a49f2431148686',NULL);
INSERT INTO admissions VALUES(X'01a231d9f98173e4a02145e5fe6afda5',X'00000000000040008000000000000002',X'01a231d9fa9c77ffbe3f3fcddf33ef48',X'01a231d9faab7691838f86e0e6de320a',1,'in',1,1,X'01a231d9fca375c088751d2a579dae87',X'01a231d9fbf8741ab50191cb63a3d18b','North',NULL,'2026-12-01T13:44:59.445+00:00','f1d90ec73a43449d0f03f0df54212f68',NULL);
INSERT INTO admissions VALUES(X'01a231d9f98173e4a02145e5fe6afda5',X'00000000000040008000000000000003',X'01a231d9fa9c77ffbe3f3fcddf33ef48',X'01a231d9faab7691838f86e1b89480a5',1,'in',1,1,X'01a231d9fca375c088751d2a579dae87',X'01a231d9fbf8741ab50191cb63a3d18b','North',NULL,'2026-12-01T13:44:59.451+00:00','5bd8141f8406a7e7362c5f37d629bfa8',NULL);
INSERT INTO admissions VALUES(X'01a231d9f98173e4a02145e5fe6afda5',X'00000000000040008000000000000006',X'01a231d9fa9c77ffbe3f3fcddf33ef48',X'01a231d9faab7691838f86e0e6de320a',2,'out',0,0,X'01a231d9fca375c088751d2a579dae87',X'01a231d9fbf8741ab50191cb63a3d18b','North',NULL,'2026-12-01T13:44:59.465+00:00','a38584265bd15ff707516444feb59399',NULL);
INSERT INTO admissions VALUES(X'01a231d9f98173e4a02145e5fe6afda5',X'01a231d9fd527744bc19e2ebd96d651b',X'01a231d9fa9c77ffbe3f3fcddf33ef48',X'01a231d9faab7691838f86e1b89480a5',2,'out',0,0,X'01a231d9fca375c088751d2a579dae87',X'01a231d9fbf8741ab50191cb63a3d18b','North',NULL,'2026-12-01T13:44:59.474+00:00','takes back 00000000-0000-4000-8000-000000000003',X'00000000000040008000000000000003');
INSERT INTO admissions VALUES(X'01a231d9f98173e4a02145e5fe6afda5',X'01a231d9fd56773290bd326cb77a04ec',X'01a231d9fa9c77ffbe3f3fcddf33ef48',X'01a231d9fd55731096d4d2d5ad3cd086',1,'in',1,1,X'01a231d9fd0c7435ae235f5db919e301',X'01a231d9fbff7034885a2d77bac8acd9','North',NULL,'2026-12-01T13:44:59.478+00:00','sale 00000000-0000-4000-8000-000000000007',NULL);
INSERT INTO admissions VALUES(X'01a231d9f98173e4a02145e5fe6afda5',X'01a231d9fd56773290bd326e0f326f1e',X'01a231d9fa9c77ffbe3f3fcddf33ef48',X'01a231d9fd56773290bd326d8f6780de',1,'in',1,1,X'01a231d9fd0c7435ae235f5db919e301',X'01a231d9fbff7034885a2d77bac8acd9','North',NULL,'2026-12-01T13:44:59.478+00:00','sale 00000000-0000-4000-8000-000000000007',NULL);
CREATE TABLE refused_scans (
    id               blob primary key,
    organisation_id  blob not null,
    event_id         blob not null,
    scan_id          blob not null,
    code             text not null,
    ticket_id        blob,
    direction        text not null,
    reason           text not null,
    gate             text,
    session_id       blob not null,
    device_id        blob not null,
    scanned_at       text,
    refused_at       text not null
) strict;
INSERT INTO refused_scans VALUES(X'01a231d9fd447048bde4a5c99a8bd741',X'01a231d9f98173e4a02145e5fe6afda5',X'01a231d9fa9c77ffbe3f3fcddf33ef48',X'00000000000040008000000000000004','OLD-1',X'01a231d9faab7691838f86df9911a5a8','in','already_admitted','North',X'01a231d9fca375c088751d2a579dae87',X'01a231d9fbf8741ab50191cb63a3d18b',NULL,'2026-12-01T13:44:59.460+00:00');
INSERT INTO refused_scans VALUES(X'01a231d9fd4774f3af6077b862ceee77',X'01a231d9f98173e4a02145e5fe6afda5',X'01a231d9fa9c77ffbe3f3fcddf33ef48',X'00000000000040008000000000000005','NONE',NULL,'in','unknown_ticket','North',X'01a231d9fca375c088751d2a579dae87',X'01a231d9fbf8741ab50191cb63a3d18b',NULL,'2026-12-01T13:44:59.463+00:00');
CREATE TABLE holds (
    organisation_id  blob not null,
    id               blob not null,
    event_id         blob not null,
    session_id       blob not null,
    device_id        blob not null,
    currency         text not null,
    total_minor      integer not null,
    recorded_at      text not null,
    expires_at       text not null,
    fingerprint      text not null,
    used_by          blob,
    released_at      text,
    constraint holds_once primary key (organisation_id, id),
    constraint holds_end_once check (used_by is null or released_at is null)
) strict;
INSERT INTO holds VALUES(X'01a231d9f98173e4a02145e5fe6afda5',X'00000000000040008000000000000009',X'01a231d9fa9c77ffbe3f3fcddf33ef48',X'01a231d9fd0c7435ae235f5db919e301',X'01a231d9fbff7034885a2d77bac8acd9','EUR',7500,'2026-12-01T13:44:59.491+00:00','2026-12-01T13:46:59.491+00:00','befd8b2ccc300bd66ee4beac947be270',X'00000000000040008000000000000010',NULL);
INSERT INTO holds VALUES(X'01a231d9f98173e4a02145e5fe6afda5',X'00000000000040008000000000000011',X'01a231d9fa9c77ffbe3f3fcddf33ef48',X'01a231d9fd0c7435ae235f5db919e301',X'01a231d9fbff7034885a2d77bac8acd9','EUR',2500,'2026-12-01T13:44:59.511+00:00','2026-12-01T13:46:59.511+00:00','217e5923fd51b5575ff11a870b85a6be',NULL,NULL);
CREATE TABLE hold_lines (
    organisation_id  blob not null,
    hold_id          blob not null,
    place            integer not null,
    ticket_type_id   blob not null,
    name             text not null,
    quantity         integer not null,
    unit_minor       integer not null,
    amount_minor     integer not null,
    expires_at       text not null,
    kept             integer not null default 1,
    primary key (organisation_id, hold_id, place),
    constraint hold_lines_amount check (unit_minor * quantity = amount_minor)
) strict;
INSERT INTO hold_lines VALUES(X'01a231d9f98173e4a02145e5fe6afda5',X'00000000000040008000000000000009',1,X'01a231d9fa9f7065906391b2235ab10f','Standing',3,2500,7500,'2026-12-01T13:46:59.491+00:00',0);
INSERT INTO hold_lines VALUES(X'01a231d9f98173e4a02145e5fe6afda5',X'00000000000040008000000000000011',1,X'01a231d9fa9f7065906391b2235ab10f','Standing',1,2500,2500,'2026-12-01T13:46:59.511+00:00',1);
CREATE TABLE sale_voids (
    organisation_id  blob not null,
    id               blob not null,
    sale_id          blob not null,
    event_id         blob not null,
    session_id       blob not null,
    device_id        blob not null,
    reason           text not null,
    recorded_at      text not null,
    fingerprint      text not null,
    constraint sale_voids_once primary key (organisation_id, id),
    constraint sale_voids_one_per_sale unique (organisation_id, sale_id)
) strict;
INSERT INTO sale_voids VALUES(X'01a231d9f98173e4a02145e5fe6afda5',X'00000000000040008000000000000012',X'00000000000040008000000000000008',X'01a231d9fa9c77ffbe3f3fcddf33ef48',X'01a231d9fd0c7435ae235f5db919e301',X'01a231d9fbff7034885a2d77bac8acd9','Wrong category','2026-12-01T13:44:59.521+00:00','d5a4791837c7817eba2866f6f58f80de');
CREATE TABLE guest_lists (
    organisation_id  blob not null references organisations,
    id               blob not null,
    event_id         blob not null references events,
    name             text not null,
    note             text,
    removed_at       text,
    version          integer not null default 1,
    created_at       text not null,
    primary key (organisation_id, id)
) strict;
INSERT INTO guest_lists VALUES(X'01a231d9f98173e4a02145e5fe6afda5',X'01a231d9fd9970618ca4ef5368111c8b',X'01a231d9fa9c77ffbe3f3fcddf33ef48','Friends',NULL,NULL,1,'2026-12-01T13:44:59.545+00:00');
CREATE TABLE guests (
    organisation_id  blob not null,
    id               blob not null,
    event_id         blob not null,
    list_id          blob not null,
    name             text not null,
    name_key         text not null,
    company          text,
    note             text,
    party_size       integer not null check (party_size > 0),
    arrived          integer not null default 0,
    removed_at       text,
    version          integer not null default 1,
    created_at       text not null,
    primary key (organisation_id, id),
    constraint guests_list foreign key (organisation_id, list_id) references guest_lists,
    constraint guests_party check (arrived between 0 and party_size)
) strict;
INSERT INTO guests VALUES(X'01a231d9f98173e4a02145e5fe6afda5',X'fcdd8d031e23809eba2e16d72f039ca2',X'01a231d9fa9c77ffbe3f3fcddf33ef48',X'01a231d9fd9970618ca4ef5368111c8b','Åse Krüger','ase kruger',NULL,NULL,3,2,NULL,1,'2026-12-01T13:44:59.558+00:00');
INSERT INTO guests VALUES(X'01a231d9f98173e4a02145e5fe6afda5',X'1f3042cda48c8826b85f294848f95129',X'01a231d9fa9c77ffbe3f3fcddf33ef48',X'01a231d9fd9970618ca4ef5368111c8b','Tom','tom',NULL,NULL,1,0,NULL,1,'2026-12-01T13:44:59.558+00:00');
CREATE TABLE guest_check_ins (
    organisation_id  blob not null,
    id               blob not null,
    event_id         blob not null,
    guest_id         blob not null,
    seq              integer not null,
    people           integer not null,
    arrived          integer not null,
    party_size       integer not null,
    undoes           blob,
    session_id       blob not null,
    membership_id    blob not null,
    device_id        blob,
    gate             text,
    recorded_at      text not null,
    fingerprint      text not null,
    constraint guest_check_ins_number primary key (organisation_id, guest_id, seq),
    constraint guest_check_ins_once unique (organisation_id, id),
    constraint guest_check_ins_undone_once unique (organisation_id, undoes),
    constraint guest_check_ins_guest foreign key (organisation_id, guest_id) references guests,
    constraint guest_check_ins_undoes foreign key (organisation_id, undoes) references guest_check_ins (organisation_id, id),
    constraint guest_check_ins_party check (arrived between 0 and party_size),
    constraint guest_check_ins_people check (people <> 0 and (people < 0) = (undoes is not null))
) strict;
INSERT INTO guest_check_ins VALUES(X'01a231d9f98173e4a02145e5fe6afda5',X'00000000000040008000000000000013',X'01a231d9fa9c77ffbe3f3fcddf33ef48',X'fcdd8d031e23809eba2e16d72f039ca2',1,2,2,3,NULL,X'01a231d9fca375c088751d2a579dae87',X'01a231d9fb267551a8024864923456d4',X'01a231d9fbf8741ab50191cb63a3d18b','North','2026-12-01T13:44:59.567+00:00','165809c2670a7acf3dcc54c9146f8966');
CREATE UNIQUE INDEX signing_keys_one_active on signing_keys ((1)) where retired_at is null;
CREATE UNIQUE INDEX memberships_username on memberships (organisation_id, username_key) where status <> 'removed';
CREATE UNIQUE INDEX devices_enrolment on devices (enrolment_hash) where enrolment_hash is not null;
CREATE INDEX devices_of_organisation on devices (organisation_id, id);
CREATE UNIQUE INDEX sessions_one_at_a_desk on sessions (membership_id) where ended_at is null and kind <> 'scanner';
CREATE UNIQUE INDEX sessions_one_per_device on sessions (device_id) where ended_at is null and device_id is not null;
CREATE INDEX sessions_of_member on sessions (membership_id, id);
CREATE INDEX events_of_organisation on events (organisation_id, id);
CREATE INDEX tickets_changed on tickets (event_id, version) where version > 0;
CREATE INDEX tickets_of_sale on tickets (organisation_id, sale_id) where sale_id is not null;
CREATE INDEX sales_of_event on sales (event_id, receipt_number);
CREATE TRIGGER sales_no_update before update on sales begin select raise(abort, 'the book is append-only'); end;
CREATE TRIGGER sales_no_delete before delete on sales begin select raise(abort, 'the book is append-only'); end;
CREATE TRIGGER sales_no_replace before insert on sales
    when exists (select 1 from sales where organisation_id = new.organisation_id and (id = new.id or receipt_number = new.receipt_number))
    begin select raise(abort, 'the book is append-only'); end;
CREATE TRIGGER sale_lines_no_update before update on sale_lines begin select raise(abort, 'the book is append-only'); end;
CREATE TRIGGER sale_lines_no_delete before delete on sale_lines begin select raise(abort, 'the book is append-only'); end;
CREATE TRIGGER sale_lines_no_replace before insert on sale_lines
    when exists (select 1 from sale_lines where organisation_id = new.organisation_id and sale_id = new.sale_id and place = new.place)
    begin select raise(abort, 'the book is append-only'); end;
CREATE UNIQUE INDEX admissions_taken_back_once on admissions (organisation_id, undoes) where undoes is not null;
CREATE TRIGGER admissions_no_update before update on admissions begin select raise(abort, 'the book is append-only'); end;
CREATE TRIGGER admissions_no_delete before delete on admissions begin select raise(abort, 'the book is append-only'); end;
CREATE TRIGGER admissions_no_replace before insert on admissions
    when exists (select 1 from admissions where ticket_id = new.ticket_id and seq = new.seq)
      or exists (select 1 from admissions where organisation_id = new.organisation_id and id = new.id)
      or new.undoes is not null and exists (select 1 from admissions where organisation_id = new.organisation_id and undoes = new.undoes)
    begin select raise(abort, 'the book is append-only'); end;
CREATE TRIGGER admissions_reversed before insert on admissions
    when new.undoes is not null and not exists (
        select 1
        from admissions o
        join admissions b on b.ticket_id = new.ticket_id and b.seq = new.seq - 1
        left join admissions p on p.ticket_id = o.ticket_id and p.seq = o.seq - 1
        where o.organisation_id = new.organisation_id and o.id = new.undoes and o.ticket_id = new.ticket_id and o.undoes is null
          and new.used - b.used = coalesce(p.used, 0) - o.used and new.inside - b.inside = coalesce(p.inside, 0) - o.inside)
    begin select raise(abort, 'what takes a movement back has to reverse it'); end;
CREATE INDEX refused_scans_of_event on refused_scans (event_id, id);
CREATE INDEX refused_scans_by_age on refused_scans (refused_at);
CREATE INDEX holds_of_device on holds (device_id, expires_at) where used_by is null and released_at is null;
CREATE INDEX hold_lines_kept on hold_lines (ticket_type_id, expires_at) where kept;
CREATE UNIQUE INDEX sales_hold on sales (organisation_id, hold_id) where hold_id is not null;
CREATE INDEX sales_of_session on sales (session_id, receipt_number);
CREATE INDEX sales_of_device on sales (device_id, receipt_number);
CREATE TRIGGER sale_voids_no_update before update on sale_voids begin select raise(abort, 'the book is append-only'); end;
CREATE TRIGGER sale_voids_no_delete before delete on sale_voids begin select raise(abort, 'the book is append-only'); end;
CREATE TRIGGER sale_voids_no_replace before insert on sale_voids
    when exists (select 1 from sale_voids where organisation_id = new.organisation_id and (id = new.id or sale_id = new.sale_id))
    begin select raise(abort, 'the book is append-only'); end;
CREATE UNIQUE INDEX guest_lists_name on guest_lists (event_id, name) where removed_at is null;
CREATE INDEX guest_lists_of_event on guest_lists (event_id, id);
CREATE INDEX guests_by_name on guests (event_id, name_key, id) where removed_at is null;
CREATE INDEX guests_of_list on guests (organisation_id, list_id);
CREATE TRIGGER guest_check_ins_no_update before update on guest_check_ins begin select raise(abort, 'the book is append-only'); end;
CREATE TRIGGER guest_check_ins_no_delete before delete on guest_check_ins begin select raise(abort, 'the book is append-only'); end;
CREATE TRIGGER guest_check_ins_no_replace before insert on guest_check_ins
    when exists (select 1 from guest_check_ins where organisation_id = new.organisation_id
                 and (id = new.id or undoes = new.undoes or (guest_id = new.guest_id and seq = new.seq)))
    begin select raise(abort, 'the book is append-only'); end;
CREATE INDEX sessions_of_organisation on sessions (organisation_id, id);
CREATE INDEX sessions_open on sessions (organisation_id) where ended_at is null;
CREATE INDEX sessions_of_device on sessions (device_id, id) where device_id is not null;
CREATE INDEX admissions_of_event on admissions (event_id);
CREATE TRIGGER admissions_no_row_replaced before insert on admissions when exists (select 1 from admissions where rowid = new.rowid)
    begin select raise(abort, 'the book is append-only'); end;
CREATE TRIGGER sales_no_row_replaced before insert on sales
    when exists (select 1 from sales where rowid = new.rowid)
      or new.hold_id is not null and exists (select 1 from sales where organisation_id = new.organisation_id and hold_id = new.hold_id)
    begin select raise(abort, 'the book is append-only'); end;
CREATE TRIGGER sale_lines_no_row_replaced before insert on sale_lines when exists (select 1 from sale_lines where rowid = new.rowid)
    begin select raise(abort, 'the book is append-only'); end;
CREATE TRIGGER sale_voids_no_row_replaced before insert on sale_voids when exists (select 1 from sale_voids where rowid = new.rowid)
    begin select raise(abort, 'the book is append-only'); end;
CREATE TRIGGER guest_check_ins_no_row_replaced before insert on guest_check_ins
    when exists (select 1 from guest_check_ins where rowid = new.rowid)
    begin select raise(abort, 'the book is append-only'); end;
COMMIT;
