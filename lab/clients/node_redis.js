// node-redis in its Sentinel mode, as `tests/sentinel_clients.rs` wants it: LIST ADDRESS..., a line for each thing that happened.
"use strict";
const { createClient, createSentinel } = require("redis");

const [key, ...addresses] = process.argv.slice(2);
const nodes = addresses.map((address) => {
  const [host, port] = address.split(":");
  return { host, port: Number(port) };
});
const say = (...words) => console.log(words.join(" "));
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const show = (node) => `${node.host}:${node.port}`;

const main = async () => {
  process.stdin.resume().on("end", () => process.exit(0));
  const known = new Set();
  let sentinels = nodes.length;
  const cluster = createSentinel({
    name: "cache",
    sentinelRootNodes: nodes,
    replicaPoolSize: 1,
    // How often it looks when nobody tells it anything.
    scanInterval: 1000,
  });
  cluster.on("error", (e) => say("error", e.message));
  cluster.on("topology-change", (change) => {
    say("change", change.type, change.node ? show(change.node) : change.size);
    if (change.type === "REPLICA_ADD") known.add(show(change.node));
    // The library spells it so.
    if (change.type === "SENTINE_LIST_CHANGE") sentinels = change.size;
    if (change.type === "REPLICA_REMOVE") known.delete(show(change.node));
  });
  await cluster.connect();
  const master = cluster.getMasterNode();
  say("master", show(master));
  while (known.size < 2) await pause(5);
  say("replicas", ...[...known].sort());
  // It was told one that lives, and learns the other two.
  while (sentinels < 3) await pause(5);
  const asked = createClient({ socket: cluster.getSentinelNode() });
  await asked.connect();
  const peers = await asked.sendCommand(["SENTINEL", "SENTINELS", "cache"]);
  const field = (peer, name) => peer[peer.indexOf(name) + 1];
  say("sentinels", ...peers.map((peer) => `${field(peer, "ip")}:${field(peer, "port")}`).sort());
  asked.destroy();
  say("read", await cluster.get("lab:flows"));
  for (let number = 1; ; number += 1) {
    try {
      await cluster.rPush(key, String(number));
      say("written", number);
    } catch (e) {
      say("failed", number, e.message);
    }
    await pause(5);
  }
};
main();
