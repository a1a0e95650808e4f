// Draws the status that the node sends. Everything that comes from outside is set as text, never as markup.
"use strict";

const $ = (id) => document.getElementById(id);
const ms = (text) => parseFloat(text); // the node writes times as "12.5ms"

let base = null; // a status at least a second old, for rates: over shorter times they would only flicker
let rates = {};

function draw(status) {
  const report = status.report;
  const votes = !report.groups.length || report.groups.some((g) => g.source === "monitor");
  const who = votes ? `node ${status.name} (${report.id.slice(0, 8)}) at ${report.announce}` : `proxy ${status.name}`;
  $("node").textContent = `${who}, up ${span(ms(report.at) / 1000)}`;
  $("version").textContent = `standfast ${status.version}`;
  document.title = title(report.groups, status.addresses);
  measure(status);
  drawAddresses(status.addresses, status.clients);
  report.groups.forEach((group, nr) => drawGroup(status, group, nr === 0));
}

// The addresses that this host may hold: where each is, since when, why, who else could have it, and what is wrong.
function drawAddresses(status, clients) {
  const all = Object.entries(status ? status.addresses : {});
  $("addresses").hidden = !all.length;
  $("held").replaceChildren(...all.map(([name, a]) => address(name, a, (clients && clients.others) || [], status.sync_groups || {})));
}

function address(name, a, nodes, groups) {
  const box = $("address").content.firstElementChild.cloneNode(true);
  const find = (part) => box.querySelector("." + part);
  const ips = a.held.map((held) => held.split("/")[0]);
  const others = nodes.filter((node) => node.shares.some((ip) => ips.includes(ip)));
  const holders = others.filter((node) => node.heard_ms_ago < SILENT && node.holds.some((ip) => ips.includes(ip)));
  const is_here = a.state === "active";
  const is_lost = !is_here && !a.holder && !holders.length && a.way !== "bgp";
  box.id = "address-" + name;
  find("name").textContent = name;
  const neighbors = is_here ? a.neighbors || [] : [];
  const told = neighbors.filter((b) => b.announces > 0).length;
  const untold = told < neighbors.length ? `, told to ${told} of ${neighbors.length}` : "";
  const states = { active: untold ? "wait" : "ok", backup: is_lost ? "wait" : "", fault: "down", initialize: "wait" };
  find("state").className = "state tag " + (states[a.state] ?? "");
  find("state").textContent = (a.released ? `${a.state}, released` : a.state) + untold;
  find("where").textContent = where(a, is_here, holders);
  find("since").textContent = `since ${clock(a.since_ms)}, ${span(a.since_ms / 1000)} ago`;
  find("ips").textContent = a.held.join("  ");
  const facts = [];
  const failing = a.checks.filter((c) => c.passes !== true);
  for (const c of failing) facts.push(["unhealthy", [tag(c.name, c.passes == null ? "wait" : "down"), c.passes == null ? "no result yet" : c.why || "fails"]]);
  if (is_here && holders.length) facts.push(["twice", [tag("also on " + holders.map((node) => node.name).join(", "), "down"), "two hosts have it: do they hear each other?"]]);
  facts.push(["why", [a.why]]);
  if (a.state !== "fault" && !a.explain.includes(a.why)) facts.push(["and now", [a.explain]]);
  facts.push(["other hosts", others.length ? others.map(other) : [tag("nobody known", "wait"), "no other node has said that it may hold it"]]);
  if (a.checks.length > failing.length) facts.push(["healthy", [a.checks.filter((c) => c.passes === true).map((c) => c.name).join(", ")]]);
  const group = Object.entries(groups).find(([, group]) => group.members.includes(name));
  if (group) facts.push(["moves with", [`${group[1].members.filter((other) => other !== name).join(", ")} (sync group ${group[0]}: ${group[1].state})`]]);
  for (const b of a.neighbors || []) facts.push(["BGP", [tag(b.name, b.state === "Established" ? "ok" : "down"), `${b.state}, ${b.explain}`]]);
  for (const o of a.oddities || []) facts.push(["strange", [o.what, `(${o.times} so far, the last one ${ago(o.last_ms)})`]]);
  facts.push(["how", [[WAYS[a.way] || a.way, a.way === "vrrp" ? `priority ${a.priority}` : "", `on ${a.interface}`].filter(Boolean).join(", ")]]);
  box.querySelector("dl").replaceChildren(...facts.flatMap(fact));
  return box;
}

function where(a, is_here, holders) {
  if (is_here) return "on this host";
  if (holders.length) return "on " + holders.map((node) => node.name).join(", ") + (a.holder ? ` (${a.holder})` : "");
  // Who may not have it does not notice when the holder is missed.
  if (a.holder) return (a.state === "fault" ? "last heard of on " : "on ") + a.holder;
  return a.way === "bgp" ? "not on this host" : "nobody is known to hold it";
}

function other(node) {
  const is_silent = node.heard_ms_ago >= SILENT;
  return tag(`${node.name} ${is_silent ? `silent for ${span(node.heard_ms_ago / 1000)}` : "answers"}`, is_silent ? "down" : "ok");
}

function fact([name, parts]) {
  const dt = document.createElement("dt"), dd = document.createElement("dd");
  dt.textContent = name;
  for (const part of [parts].flat()) dd.append(part, " ");
  return [dt, dd];
}

// A node that lives says something every 0.2 s.
const SILENT = 1000;
const WAYS = { vrrp: "VRRP", bgp: "BGP", command: "by commands", view: "by the agreed master" };

// The time of the clock on the wall where the page is read, so long ago.
function clock(ms) {
  const then = new Date(Date.now() - ms);
  const time = then.toLocaleTimeString([], { hour12: false });
  return ms < 86400000 ? time : `${then.toLocaleDateString()} ${time}`;
}

// Requests a second, by listener.
function measure(status) {
  const seconds = base ? (ms(status.report.at) - ms(base.report.at)) / 1000 : 0;
  if (base && seconds > 0 && seconds < 0.9) return;
  const before = new Map(seconds > 0 ? base.listeners.map((l) => [l.listen, l.requests]) : []);
  rates = {};
  for (const l of status.listeners) if (before.has(l.listen)) rates[l.listen] = Math.round((l.requests - before.get(l.listen)) / seconds);
  base = status;
}

// What one sees in a browser's tab: the worst phase first.
function title(groups, held) {
  const fault = Object.entries(held ? held.addresses : {}).find(([, a]) => a.state === "fault" && !a.released);
  if (fault && groups.every((g) => g.view.phase === "Steady")) return `${fault[0]}: fault · Standfast`;
  const worst = groups.find((g) => g.view.phase === "Lost") || groups.find((g) => g.view.phase === "Switching") || groups.find((g) => g.view.phase === "Unbacked") || groups[0];
  return worst ? `${worst.name}: ${worst.view.phase} · Standfast` : "Standfast";
}

function drawGroup(status, group, first) {
  const view = group.view;
  const box = section(group.name, first);
  const find = (name) => box.querySelector("." + name);
  const phase = view.phase;
  find("phase").className = `phase ${phase}`;
  find("phase").textContent = phase;
  find("epoch").textContent = view.epoch;
  const voted = group.source === "monitor";
  find("quorum").previousSibling.textContent = voted ? "quorum " : "as ";
  find("quorum").textContent = voted ? group.quorum : group.source === "probe" ? "checks say" : "Sentinels say";
  find("explain").textContent = group.explain;
  find("master").textContent = view.master.endsWith(":0") ? "not known" : view.master;
  find("master-note").textContent = view.phase === "Steady" ? "takes the writes" : view.phase === "Unbacked" ? "takes the writes; too few nodes name it" : "the last agreed one; requests wait";
  const standings = new Map((status.servers[group.name] || []).map((s) => [s.addr, s]));
  if ([...standings.values()].some((s) => s.holds)) find("explain").textContent += " By order of an operator, requests to the master wait.";
  rows(find("replicas"), group.servers.map((s) => server(s, standings.get(s.addr))));
  rows(find("clients"), status.listeners.filter((l) => l.group === group.name).map(listener), "no listener leads here");
  rows(find("nodes"), group.peers.map(peer), voted ? "no other node was heard of yet" : "nobody votes on this group");
  const records = status.report.records.filter((r) => r.group === group.name);
  if (voted) timeline(find("timeline"), records[records.length - 1]);
  else find("timeline").replaceChildren(line("summary quiet", "Not kept for a group that is only looked at: the log tells it."));
}

// The section of a group, made when it is first seen. The first group's parts have ids, for links and tests.
function section(name, first) {
  const id = "group-" + name;
  const known = $(id);
  if (known) return known;
  const box = $("group").content.firstElementChild.cloneNode(true);
  box.id = id;
  box.querySelector("h2").textContent = name;
  if (first) for (const part of ["phase", "epoch", "master", "replicas", "clients", "timeline"]) box.querySelector("." + part).id = part;
  $("groups").append(box);
  return box;
}

function server(s, standing) {
  const link = s.down ? tag("down: " + s.down, "down")
    : s.is_master ? tag("answers", "ok")
    : s.link_up ? tag("in sync", "ok") : tag("does not hear its master", "wait");
  const behind = s.is_master || s.lag == null ? "–" : bytes(s.lag);
  const cells = [s.addr, s.is_master ? "master" : "replica", link, n(behind), n(s.offset), s.check || s.version || "–", n(ago(s.answered_ms_ago)), serves(standing)];
  return { cells, name: s.is_master ? "is-master" : "" };
}

// What an operator wants of a server.
function serves(standing) {
  if (!standing) return "–";
  if (standing.state === "ready") return `weight ${standing.weight}`;
  return tag(standing.state === "drain" ? "drained" : "in maintenance", "wait");
}

function listener(l) {
  return { cells: [l.listen, l.role, n(l.clients), n(rates[l.listen] ?? "–"), n(l.held)] };
}

function peer(p) {
  const state = p.down ? tag("silent", "down") : tag("answers", "ok");
  return { cells: [p.addr, p.id.slice(0, 8), state, p.master || "–", n(p.hello_ms_ago == null ? "never" : ago(p.hello_ms_ago))] };
}

function timeline(box, record) {
  if (!record) return box.replaceChildren(line("summary quiet", "None since this node was started."));
  const outcome = !record.outcome ? "under way" : record.outcome === "Switched" ? "done"
    : "given up: " + (record.outcome.Aborted ? record.outcome.Aborted.why : JSON.stringify(record.outcome));
  const cause = { Down: "the master was agreed down", Planned: "planned", Told: "led by another node" }[record.cause] || record.cause;
  const summary = `${record.from} → ${record.to || "nobody yet"} · ${cause} · epoch ${record.epoch} · ${outcome}`;
  const start = record.steps.length ? ms(record.steps[0].at) : 0;
  const at = (step) => ms(step.at) - start;
  const whole = Math.max(1, ...record.steps.map(at));
  const steps = record.steps.map((step, i) => {
    const row = line("step", "");
    const rail = line("rail", ""), bar = line("bar", "");
    const from = i ? at(record.steps[i - 1]) : 0;
    bar.style.left = `${(100 * from) / whole}%`;
    bar.style.width = `${(100 * (at(step) - from)) / whole}%`;
    rail.append(bar);
    row.append(line("", WORDS[step.what] || step.what.toLowerCase()), line("ms", `${at(step).toFixed(1)} ms`), rail);
    if (step.note) row.append(line("note", step.note));
    return row;
  });
  const whole_story = document.createElement("a");
  whole_story.href = `explain/${encodeURIComponent(record.group)}/1`;
  whole_story.textContent = "the whole story";
  whole_story.className = "note";
  box.replaceChildren(line("summary", summary), ...steps, whole_story);
}

function rows(body, list, none) {
  if (!list.length && none) list = [{ cells: [none] }];
  body.replaceChildren(...list.map((item) => {
    const tr = document.createElement("tr");
    tr.className = item.name || "";
    for (const cell of item.cells) {
      const td = document.createElement("td");
      if (cell instanceof Node) td.append(cell);
      else if (cell && cell.number !== undefined) { td.className = "n"; td.textContent = cell.number; }
      else td.textContent = cell;
      tr.append(td);
    }
    return tr;
  }));
}

const n = (number) => ({ number });

function line(name, text) {
  const div = document.createElement("div");
  div.className = name;
  div.textContent = text;
  return div;
}

function tag(text, name) {
  const span = document.createElement("span");
  span.className = "tag " + name;
  span.textContent = text;
  return span;
}

// Steps of which the record has one word and a reader wants two.
const WORDS = { CaughtUp: "caught up" };

function bytes(n) {
  const units = ["B", "KiB", "MiB", "GiB"];
  let i = 0;
  while (n >= 1024 && i < units.length - 1) { n /= 1024; i += 1; }
  return `${i ? n.toFixed(1) : n} ${units[i]}`;
}

function ago(ms) {
  return ms < 10000 ? ms + " ms ago" : span(ms / 1000) + " ago";
}

function span(seconds) {
  const s = Math.floor(seconds);
  if (s < 60) return `${s} s`;
  if (s < 3600) return `${Math.floor(s / 60)} min`;
  if (s < 86400) return `${Math.floor(s / 3600)} h ${Math.floor((s / 60) % 60)} min`;
  return `${Math.floor(s / 86400)} d ${Math.floor((s / 3600) % 24)} h`;
}

function live(name, text) {
  $("live").className = name;
  $("live").textContent = text;
}

const events = new EventSource("/api/events");
let heard = 0;
events.addEventListener("status", (event) => {
  heard = Date.now();
  live("on", "live");
  draw(JSON.parse(event.data));
});
events.onerror = () => live("off", "this node does not answer; what is shown is old");
// A connection can stand and say nothing: old numbers must not look like new ones.
setInterval(() => {
  const silent = Math.round((Date.now() - heard) / 1000);
  if (heard && silent >= 5) live("off", `nothing heard for ${silent} s; what is shown is old`);
}, 1000);
