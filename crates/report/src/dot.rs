//! Lock orders as Graphviz DOT: a node is a lock, an edge says "held while asking for". No layout of its own.

use std::fmt::Write;

use lockcheck_checker::{Finding, Report, words};

use crate::escape;

/// A graph to draw.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Graph {
    /// Frames drawn around their nodes, in this order.
    pub groups: Vec<Group>,
}

/// Nodes that belong together.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Group {
    /// The frame's title; no frame is drawn without one.
    pub title: Option<String>,
    /// One line of text for each string.
    pub nodes: Vec<Vec<String>>,
    /// Edges between nodes of this group.
    pub edges: Vec<Edge>,
}

/// The lock `from` was held while `to` was asked for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Edge {
    /// Index into `Group::nodes`; edges that point outside are not drawn.
    pub from: usize,
    /// As `from`.
    pub to: usize,
    /// One line of text for each string.
    pub label: Vec<String>,
}

/// The cycles of the findings, each in a frame of its own.
pub fn render(report: &Report) -> String {
    let groups = report.findings.iter().filter(|finding| !finding.locks.is_empty()).map(group).collect();
    graph(&Graph { groups })
}

/// The text of any graph.
pub fn graph(graph: &Graph) -> String {
    let mut out = String::from("digraph lockcheck {\n    node [shape=box, fontname=\"monospace\"];\n");
    out.push_str("    edge [fontname=\"monospace\"];\n");
    for (index, group) in graph.groups.iter().enumerate() {
        // Writing to a String cannot fail.
        let _ = push_group(&mut out, index, group);
    }
    out.push_str("}\n");
    out
}

fn push_group(out: &mut String, index: usize, group: &Group) -> std::fmt::Result {
    if let Some(title) = &group.title {
        writeln!(out, "    subgraph cluster_{index} {{")?;
        writeln!(out, "        label={};", label(std::slice::from_ref(title)))?;
    }
    for (node, lines) in group.nodes.iter().enumerate() {
        writeln!(out, "        g{index}n{node} [label={}];", label(lines))?;
    }
    for edge in &group.edges {
        if edge.from.max(edge.to) < group.nodes.len() {
            let (from, to) = (edge.from, edge.to);
            writeln!(out, "        g{index}n{from} -> g{index}n{to} [label={}];", label(&edge.label))?;
        }
    }
    if group.title.is_some() {
        out.push_str("    }\n");
    }
    Ok(())
}

/// A quoted string with each line set to the left.
fn label(lines: &[String]) -> String {
    let lines: Vec<String> = lines.iter().map(|line| escape::dot(line)).collect();
    match lines.as_slice() {
        [line] => format!("\"{line}\""),
        lines => format!("\"{}\"", lines.iter().map(|line| format!("{line}\\l")).collect::<String>()),
    }
}

fn group(finding: &Finding) -> Group {
    let labels = words::lock_labels(finding);
    let nodes = finding
        .locks
        .iter()
        .zip(labels)
        .map(|(lock, label)| {
            let label = if lock.name.is_some() { format!("{} {label}", lock.class) } else { label };
            vec![label, format!("created at {}", lock.created)]
        })
        .collect();
    let index = |id: &str| finding.locks.iter().position(|lock| lock.id == id);
    let edges = finding.evidence.iter().enumerate().filter_map(|(side, evidence)| {
        let hold = words::linking_hold(finding, side)?;
        let label = vec![
            words::thread_label(&evidence.thread),
            format!("takes {} at {}", hold.mode.as_str(), hold.site),
            format!("asks {} at {}", evidence.mode.as_str(), evidence.site),
        ];
        Some(Edge { from: index(&hold.lock)?, to: index(&evidence.lock)?, label })
    });
    let title = format!("{} {} ({}) {}", finding.code, finding.kind, finding.tier, finding.fingerprint);
    Group { title: Some(title), nodes, edges: edges.collect() }
}
