//! What one change costs in rows: as much in a large set as in a small one.

use std::sync::Arc;

use event::{
    Application, Changes, Clock, Content, Credential, Effect, Fact, Lifecycle, Method, Number,
    Operation, Origin, Part, ResourceType, Route, Timestamp,
};
use projector::{Committer, CommitterOptions, Decision, Draft, Durability, View};
use store::key::Set;
use store::{Options, Store};

const APP: Application = Application(1);

/// Rows read and written.
#[derive(Clone, Copy, PartialEq, Debug)]
struct Cost {
    read: u64,
    written: u64,
}

/// A group changes its members: it is created with them, or patched.
fn draft(group: u32, created: bool, joined: std::ops::Range<u32>) -> Draft {
    let operation = Operation {
        route: Route::Resource,
        method: Method::Patch,
        resource_type: ResourceType::GROUP,
        number: Number(group),
        // As a request's: members that it adds are found by what was asked of them too.
        touches: joined.clone().map(Number).collect(),
        status: 204,
        scim_type: 0,
        effect: Effect::Applied,
        index: 0,
        saw_seq: None,
        results: None,
        decided_after_us: 0,
    };
    let changes = Changes {
        lifecycle: created.then_some(Lifecycle::Created(ResourceType::GROUP)),
        joined: joined.clone().map(Number).collect(),
        ..Changes::default()
    };
    let part = Part::new(Number(group), Content::Changes(changes));
    let origin = Origin {
        credential: Credential(2),
        client: None,
        user_agent: "crew/1".into(),
        request_id: format!("{group}-{joined:?}"),
    };
    let fact = Fact::Operation(operation);
    Draft { application: APP, origin: Some(origin), fact, parts: vec![part], passed: vec![] }
}

/// What an event cost, in a batch of its own.
async fn commit(committer: &Committer, draft: Draft) -> Cost {
    let counts = || {
        let store = committer.store();
        Cost { read: store.rows_read(), written: store.rows_written() }
    };
    let before = counts();
    let decide = |_: &View<'_>, _| Ok(Decision { events: vec![draft], reply: () });
    committer.submit(Durability::Appended, decide).await.unwrap();
    let after = counts();
    Cost { read: after.read - before.read, written: after.written - before.written }
}

/// The cost of so many additions of one member each.
async fn additions(committer: &Committer, group: u32, count: u32) -> Vec<Cost> {
    let mut costs = vec![];
    for member in 1_000_000..1_000_000 + count {
        costs.push(commit(committer, draft(group, false, member..member + 1)).await);
    }
    costs
}

fn total(costs: &[Cost]) -> Cost {
    let read = costs.iter().map(|cost| cost.read).sum();
    Cost { read, written: costs.iter().map(|cost| cost.written).sum() }
}

/// Within a factor of 1.2.
fn alike(one: u64, other: u64) -> bool {
    one.max(other) * 5 <= one.min(other) * 6
}

#[tokio::test]
async fn a_member_more_costs_the_same_in_a_large_set_as_in_a_small_one() {
    let folder = tempfile::tempdir().unwrap();
    let store = Arc::new(Store::open(folder.path(), &Options::default(), 7).unwrap());
    // It stands still, so that no event begins a second.
    let clock = Clock::manual(Timestamp(1_772_442_000_000_000));
    let options = CommitterOptions {
        clock,
        accept_clock: false,
        commands_max: 4,
        disk_reserve_bytes: 0,
        signer: None,
    };
    let (committer, thread) = Committer::start(store, options).unwrap();
    let (large, small, grown) = (5_000_001, 5_000_002, 5_000_003);
    commit(&committer, draft(large, true, 1..40_001)).await;
    commit(&committer, draft(small, true, 1..11)).await;
    // As an identity provider fills a group; the last base is not at its last change.
    commit(&committer, draft(grown, true, 0..0)).await;
    for member in (1..40_001).step_by(100) {
        commit(&committer, draft(grown, false, member..member + 100)).await;
    }

    let mut costs = vec![];
    for group in [large, small, grown] {
        // In the large sets a base comes after 2,500 changes: it lies in some of the windows.
        costs.push(additions(&committer, group, 3_000).await);
    }
    let (one, all) = (costs[1][0], total(&costs[1]));
    for group in &costs {
        assert!(group[0].read.abs_diff(one.read) <= 2, "{:?} and {one:?}", group[0]);
        assert!(group[0].written.abs_diff(one.written) <= 2, "{:?} and {one:?}", group[0]);
        let sum = total(group);
        assert!(alike(sum.read, all.read) && alike(sum.written, all.written), "{sum:?} {all:?}");
        let dearest = group.iter().map(|cost| cost.read + cost.written).max();
        assert!(dearest < Some(200), "one addition cost {dearest:?} rows");
    }
    let windows: Vec<Cost> = costs.iter().flat_map(|group| group.windows(300)).map(total).collect();
    let reads = || windows.iter().map(|cost| cost.read);
    let writes = || windows.iter().map(|cost| cost.written);
    assert!(alike(reads().min().unwrap(), reads().max().unwrap()), "any 300 of any group");
    assert!(alike(writes().min().unwrap(), writes().max().unwrap()), "any 300 of any group");

    let snapshot = committer.store().snapshot();
    let members = View::new(&snapshot).members(APP, Set::Members(Number(large)), View::NOW);
    assert_eq!(members.unwrap().len(), 43_000);
    drop(snapshot);
    drop(committer);
    thread.join().unwrap();
}
