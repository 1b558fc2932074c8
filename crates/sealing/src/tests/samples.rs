//! Invented contents of parts: for the dictionary, and to measure with. The same in each run.

/// Numbers that look random (SplitMix64).
pub(super) struct Random(pub(super) u64);

impl Random {
    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }

    fn one<'a>(&mut self, of: &[&'a str]) -> &'a str {
        of[self.below(of.len() as u64) as usize]
    }

    /// A pronounceable word of two to four syllables, so that no name is in the dictionary for itself.
    fn word(&mut self) -> String {
        let mut word = String::new();
        for _ in 0..2 + self.below(3) {
            word.push_str(
                self.one(&["b", "d", "f", "g", "h", "k", "l", "m", "n", "p", "r", "s", "t", "v"]),
            );
            word.push_str(self.one(&["a", "e", "i", "o", "u", "ar", "en", "il"]));
        }
        word
    }

    fn uuid(&mut self) -> String {
        let (a, b) = (self.next(), self.next());
        format!(
            "{:08x}-{:04x}-4{:03x}-{:04x}-{:012x}",
            a >> 32,
            a >> 16 & 0xffff,
            a & 0xfff,
            0x8000 | b >> 48 & 0x3fff,
            b & 0xffff_ffff_ffff
        )
    }
}

fn capital(word: &str) -> String {
    word[..1].to_uppercase() + &word[1..]
}

/// What is known of an invented person.
struct Person {
    id: String,
    external: String,
    given: String,
    family: String,
    login: String,
    department: String,
    title: &'static str,
    employee: u64,
}

const USER: &str = "urn:ietf:params:scim:schemas:core:2.0:User";
const GROUP: &str = "urn:ietf:params:scim:schemas:core:2.0:Group";
const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
const PATCH: &str = "urn:ietf:params:scim:api:messages:2.0:PatchOp";
const LIST: &str = "urn:ietf:params:scim:api:messages:2.0:ListResponse";
const ERROR: &str = "urn:ietf:params:scim:api:messages:2.0:Error";

fn invent(random: &mut Random) -> Person {
    let (given, family, host) = (random.word(), random.word(), random.word());
    Person {
        id: random.uuid(),
        external: if random.below(2) == 0 { random.uuid() } else { format!("{given}.{family}") },
        login: format!("{given}.{family}@{host}.example"),
        given: capital(&given),
        family: capital(&family),
        department: capital(&random.word()),
        title: random.one(&[
            "Engineer",
            "Manager",
            "Accountant",
            "Consultant",
            "Analyst",
            "Director",
        ]),
        employee: 1000 + random.below(90_000),
    }
}

impl Person {
    /// As Entra ID creates a user.
    fn body(&self) -> String {
        let Person { external, given, family, login, department, title, employee, .. } = self;
        format!(
            r#"{{"schemas":["{USER}","{ENTERPRISE}"],"externalId":"{external}","userName":"{login}","active":true,"displayName":"{given} {family}","emails":[{{"primary":true,"type":"work","value":"{login}"}}],"meta":{{"resourceType":"User"}},"name":{{"formatted":"{given} {family}","familyName":"{family}","givenName":"{given}"}},"title":"{title}","phoneNumbers":[{{"type":"work","value":"+47 555 {employee:05}"}}],"addresses":[{{"type":"work","country":"NO","locality":"{department}","postalCode":"{employee:05}","streetAddress":"Quay {employee}"}}],"preferredLanguage":"en-US","roles":[],"{ENTERPRISE}":{{"department":"{department}","employeeNumber":"{employee}","costCenter":"CC-{employee}","manager":{{"value":"{external}"}}}}}}"#
        )
    }

    /// As Okta does.
    fn other_body(&self) -> String {
        let Person { external, given, family, login, .. } = self;
        format!(
            r#"{{"schemas": ["{USER}"], "userName": "{login}", "name": {{"givenName": "{given}", "familyName": "{family}"}}, "emails": [{{"primary": true, "value": "{login}", "type": "work"}}], "displayName": "{given} {family}", "locale": "en-US", "externalId": "{external}", "groups": [], "password": null, "active": true}}"#
        )
    }

    /// Canonical JSON, as it is stored and answered.
    fn state(&self) -> String {
        let Person { id, external, given, family, login, department, title, employee } = self;
        format!(
            r#"{{"active":true,"addresses":[{{"country":"NO","locality":"{department}","postalCode":"{employee:05}","streetAddress":"Quay {employee}","type":"work"}}],"displayName":"{given} {family}","emails":[{{"primary":true,"type":"work","value":"{login}"}}],"externalId":"{external}","id":"{id}","name":{{"familyName":"{family}","formatted":"{given} {family}","givenName":"{given}"}},"phoneNumbers":[{{"type":"work","value":"+47 555 {employee:05}"}}],"preferredLanguage":"en-US","title":"{title}","{ENTERPRISE}":{{"costCenter":"CC-{employee}","department":"{department}","employeeNumber":"{employee}","manager":{{"value":"{external}"}}}},"userName":"{login}"}}"#
        )
    }

    /// An entry of a provider's provisioning log.
    fn entry(&self, random: &mut Random) -> String {
        let Person { id, external, given, family, login, .. } = self;
        let (entry, tenant, change) = (random.uuid(), random.uuid(), random.uuid());
        let action = random.one(&["create", "update", "disable", "delete", "other"]);
        let status = random.one(&["success", "failure", "skipped"]);
        let (day, second) = (1 + random.below(28), random.below(60));
        format!(
            r#"{{"activityDateTime":"2026-03-{day:02}T08:02:{second:02}Z","changeId":"{change}","cycleId":"{tenant}","durationInMilliseconds":{day}74,"id":"{entry}","initiatedBy":{{"displayName":"Azure AD Provisioning Service","id":"","initiatorType":"system"}},"jobId":"scim.{tenant}.{change}","modifiedProperties":[{{"displayName":"userName","newValue":"{login}","oldValue":null}},{{"displayName":"active","newValue":"True","oldValue":"False"}},{{"displayName":"displayName","newValue":"{given} {family}","oldValue":null}}],"provisioningAction":"{action}","provisioningStatusInfo":{{"errorInformation":null,"status":"{status}"}},"provisioningSteps":[{{"description":"Received User '{login}' change of type (Add) from Azure Active Directory","details":{{"accountEnabled":"True","displayName":"{given} {family}","objectId":"{external}","userPrincipalName":"{login}"}},"name":"EntryImportAdd","provisioningStepType":"import","status":"success"}},{{"description":"Determine if User in scope by evaluating against each scoping filter","details":{{"Active in the source system":"True","Assigned to the application":"True","ScopeEvaluationResult":"{{}}","Scoping filter evaluation passed":"True","User has the required role":"True"}},"name":"EntrySynchronizationScoping","provisioningStepType":"scoping","status":"success"}},{{"description":"User '{login}' will be created in the target","details":{{}},"name":"EntryExportAdd","provisioningStepType":"export","status":"{status}"}}],"servicePrincipal":{{"displayName":"Fleet","id":"{tenant}"}},"sourceIdentity":{{"details":{{"odatatype":"User","UserPrincipalName":"{login}"}},"displayName":"{given} {family}","id":"{external}","identityType":"User"}},"sourceSystem":{{"details":{{}},"displayName":"Azure Active Directory","id":"{change}"}},"targetIdentity":{{"details":{{}},"displayName":"{login}","id":"{id}","identityType":"User"}},"targetSystem":{{"details":{{"ApplicationId":"{change}","ServicePrincipalDisplayName":"Fleet","ServicePrincipalId":"{tenant}"}},"displayName":"Fleet","id":"{tenant}"}},"tenantId":"{tenant}"}}"#
        )
    }
}

/// As bincode writes it: each text behind its length.
fn texts(out: &mut Vec<u8>, texts: &[&str]) {
    for text in texts {
        out.push(text.len() as u8);
        out.extend_from_slice(text.as_bytes());
    }
}

/// Address, user agent, request id.
fn origin(random: &mut Random) -> Vec<u8> {
    let mut out = vec![4, 10, 0, random.next() as u8, random.next() as u8];
    let agent = random.one(&[
        "", "Okta SCIM Client 1.0.0", "Google-Auto-Provisioning", "azure-ad-provisioning/1.0",
        "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
        "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36",
        "OneLogin SCIM Client", "python-requests/2.32", "curl/8.14.1",
    ]);
    texts(&mut out, &[agent, &random.uuid()]);
    out
}

/// One changed value: path, old, new.
fn changed(random: &mut Random, person: &Person) -> Vec<u8> {
    let mut out = vec![1 + random.below(3) as u8];
    let quoted = format!("\"{}\"", person.login);
    let name = format!("\"{} {}\"", person.given, person.family);
    match random.below(5) {
        0 => texts(&mut out, &["active", "true", "false"]),
        1 => texts(&mut out, &["displayName", &name, &quoted]),
        2 => texts(&mut out, &["emails", "work", "value", &quoted, &quoted]),
        3 => texts(&mut out, &[ENTERPRISE, "department", &name, &name]),
        _ => texts(
            &mut out,
            &["name", "familyName", &name, "name", "formatted", &name, "userName", &quoted],
        ),
    }
    out
}

fn patch(random: &mut Random, person: &Person) -> String {
    let Person { given, family, login, department, .. } = person;
    let member = random.uuid();
    match random.below(6) {
        0 => format!(
            r#"{{"schemas":["{PATCH}"],"Operations":[{{"op":"Replace","path":"active","value":"False"}}]}}"#
        ),
        1 => format!(
            r#"{{"schemas":["{PATCH}"],"Operations":[{{"op":"Add","path":"members","value":[{{"value":"{member}"}}]}}]}}"#
        ),
        2 => format!(
            r#"{{"schemas":["{PATCH}"],"Operations":[{{"op":"Remove","path":"members","value":[{{"value":"{member}"}}]}}]}}"#
        ),
        3 => format!(
            r#"{{"schemas":["{PATCH}"],"Operations":[{{"op":"replace","value":{{"active":false}}}}]}}"#
        ),
        4 => format!(
            r#"{{"schemas": ["{PATCH}"], "Operations": [{{"op": "add", "path": "members", "value": [{{"value": "{member}", "display": null}}]}}]}}"#
        ),
        _ => format!(
            r#"{{"schemas":["{PATCH}"],"Operations":[{{"op":"Replace","path":"displayName","value":"{given} {family}"}},{{"op":"Replace","path":"emails[type eq \"work\"].value","value":"{login}"}},{{"op":"Replace","path":"name.familyName","value":"{family}"}},{{"op":"Add","path":"{ENTERPRISE}:department","value":"{department}"}}]}}"#
        ),
    }
}

fn target(random: &mut Random, person: &Person) -> String {
    match random.below(7) {
        0 => format!(r#"/Users?filter=userName eq "{}""#, person.login),
        1 => format!(r#"/Users?filter=externalId eq "{}""#, person.external),
        2 => format!(
            r#"/Groups?excludedAttributes=members&filter=displayName eq "{}""#,
            person.department
        ),
        3 => format!("/Users/{}", person.id),
        4 => format!("/Groups/{}", person.id),
        5 => format!("/Groups/{}?excludedAttributes=members", person.id),
        _ => "/Users?startIndex=1&count=100".to_owned(),
    }
}

/// Which of the contents is the state of a user, of about 700 bytes.
pub(super) const STATE: usize = 4;

/// One content of each usual kind, of one invented person. That at [`STATE`] is the person's state.
pub(super) fn contents(seed: u64) -> Vec<Vec<u8>> {
    let random = &mut Random(seed);
    let person = invent(random);
    let mut all = vec![origin(random), changed(random, &person)];
    let group = format!(
        r#"{{"schemas":["{GROUP}"],"externalId":"{}","displayName":"{} {}","meta":{{"resourceType":"Group"}},"members":[{{"value":"{}"}}]}}"#,
        person.external,
        person.department,
        random.one(&["users", "admins", "readers", "team"]),
        random.uuid()
    );
    let group_state = format!(
        r#"{{"displayName":"{} {}","externalId":"{}","id":"{}"}}"#,
        person.department,
        random.one(&["users", "admins", "readers", "team"]),
        person.external,
        person.id
    );
    let answer = format!(
        r#"{{"schemas":["{LIST}"],"totalResults":1,"itemsPerPage":1,"startIndex":1,"Resources":[{{"schemas":["{USER}"],"id":"{}","externalId":"{}","userName":"{}","active":true,"meta":{{"resourceType":"User","created":"2026-03-{:02}T09:30:00Z","lastModified":"2026-03-28T10:00:00Z","location":"https://app.example/scim/v2/Users/{}","version":"W/\"{}\""}}}}]}}"#,
        person.id,
        person.external,
        person.login,
        1 + random.below(28),
        person.id,
        random.below(90_000)
    );
    let error = format!(
        r#"{{"schemas":["{ERROR}"],"status":"409","scimType":"uniqueness","detail":"userName {} is taken"}}"#,
        person.login
    );
    let texts = [
        person.body(),
        person.other_body(),
        person.state(),
        person.entry(random),
        group,
        group_state,
        patch(random, &person),
        patch(random, &person),
        target(random, &person),
        target(random, &person),
        answer,
        error,
    ];
    all.extend(texts.map(String::into_bytes));
    all
}
