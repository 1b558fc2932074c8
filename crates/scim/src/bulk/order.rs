//! The order of bulk operations: each after those it refers to, otherwise as in the body. Nothing here
//! recurses, because a request may chain all of its operations.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};

use super::{BulkMethod, BulkOperation};

pub(super) fn order(operations: &[BulkOperation]) -> Vec<usize> {
    let mut needs = needs(operations);
    for circle in circles(&needs) {
        break_circle(&mut needs, &circle);
    }
    by_need(&needs)
}

/// For each operation, the POSTs that it refers to.
fn needs(operations: &[BulkOperation]) -> Vec<Vec<usize>> {
    let mut posts = HashMap::new();
    for (index, operation) in operations.iter().enumerate() {
        if let (Some(BulkMethod::Post), Some(name)) = (operation.verb, &operation.bulk_id) {
            posts.entry(name.as_str()).or_insert(index);
        }
    }
    operations
        .iter()
        .enumerate()
        .map(|(index, operation)| {
            let names = operation.references().into_iter();
            let found = names.filter_map(|name| posts.get(name).copied());
            found.filter(|&post| post != index).collect()
        })
        .collect()
}

const UNSEEN: usize = usize::MAX;

/// The strongly connected components of two or more operations, each ascending (Tarjan's algorithm).
fn circles(needs: &[Vec<usize>]) -> Vec<Vec<usize>> {
    let mut entered = vec![UNSEEN; needs.len()];
    // The earliest open node that can be reached.
    let mut low = vec![UNSEEN; needs.len()];
    let mut is_open = vec![false; needs.len()];
    let mut open = Vec::new();
    let mut clock = 0;
    let mut circles = Vec::new();
    for start in 0..needs.len() {
        if entered[start] != UNSEEN {
            continue;
        }
        // Nodes, each with the number of its needs already followed.
        let mut visits = vec![(start, 0)];
        while let Some((node, looked_at)) = visits.last_mut() {
            let node = *node;
            if *looked_at == 0 {
                entered[node] = clock;
                low[node] = clock;
                clock += 1;
                open.push(node);
                is_open[node] = true;
            }
            if let Some(&next) = needs[node].get(*looked_at) {
                *looked_at += 1;
                if entered[next] == UNSEEN {
                    visits.push((next, 0));
                } else if is_open[next] {
                    low[node] = low[node].min(entered[next]);
                }
                continue;
            }
            visits.pop();
            if let Some((parent, _)) = visits.last() {
                low[*parent] = low[*parent].min(low[node]);
            }
            if low[node] == entered[node] {
                let first = open.iter().rposition(|&one| one == node).unwrap_or(0);
                let mut circle = open.split_off(first);
                circle.iter().for_each(|&one| is_open[one] = false);
                if circle.len() > 1 {
                    circle.sort_unstable();
                    circles.push(circle);
                }
            }
        }
    }
    circles
}

/// Drops needs until no circle is left: the first operation no longer needs the others of its circle, and
/// all others need it. Among the others, needs that lead back in depth-first order are dropped.
fn break_circle(needs: &mut [Vec<usize>], circle: &[usize]) {
    let Some(&first) = circle.first() else { return };
    let is_inside = |one: usize| circle.binary_search(&one).is_ok();
    let mut place: HashMap<usize, usize> = HashMap::from([(first, 0)]);
    let mut begun = std::collections::HashSet::from([first]);
    for &start in circle {
        let mut visits = vec![(start, 0)];
        if !begun.insert(start) {
            continue;
        }
        while let Some((node, looked_at)) = visits.last_mut() {
            let node = *node;
            if let Some(&next) = needs[node].get(*looked_at) {
                *looked_at += 1;
                if is_inside(next) && begun.insert(next) {
                    visits.push((next, 0));
                }
                continue;
            }
            place.insert(node, place.len());
            visits.pop();
        }
    }
    for &one in circle {
        needs[one].retain(|next| place.get(next).is_none_or(|next| *next < place[&one]));
        if one != first && !needs[one].contains(&first) {
            needs[one].push(first);
        }
    }
}

/// A topological order; among the operations whose needs are met, the first comes next.
fn by_need(needs: &[Vec<usize>]) -> Vec<usize> {
    let mut users = vec![Vec::new(); needs.len()];
    let mut missing = vec![0; needs.len()];
    for (index, needs) in needs.iter().enumerate() {
        missing[index] = needs.len();
        needs.iter().for_each(|&need| users[need].push(index));
    }
    let mut ready: BinaryHeap<Reverse<usize>> =
        (0..needs.len()).filter(|&one| missing[one] == 0).map(Reverse).collect();
    let mut order = Vec::with_capacity(needs.len());
    while let Some(Reverse(next)) = ready.pop() {
        order.push(next);
        for &user in &users[next] {
            missing[user] -= 1;
            if missing[user] == 0 {
                ready.push(Reverse(user));
            }
        }
    }
    order
}
