// ioredis in its Sentinel mode, as `tests/sentinel_clients.rs` wants it: LIST ADDRESS..., a line for each thing that happened.
"use strict";
const Redis = require("ioredis");

const [key, ...addresses] = process.argv.slice(2);
const sentinels = addresses.map((address) => {
  const [host, port] = address.split(":");
  return { host, port: Number(port) };
});
const say = (...words) => console.log(words.join(" "));
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const connect = (role) => {
  const client = new Redis({
    sentinels: sentinels.map((address) => ({ ...address })),
    name: "cache",
    role,
    failoverDetector: true,
    sentinelRetryStrategy: () => 50,
    retryStrategy: () => 50,
    // A write of unknown fate is not sent again: it is told as failed.
    autoResendUnfulfilledCommands: false,
    maxRetriesPerRequest: 0,
  });
  client.on("error", (e) => say("error", role, e.message));
  return client;
};

const main = async () => {
  process.stdin.resume().on("end", () => process.exit(0));
  const master = connect("master");
  const replica = connect("slave");
  await Promise.all([master, replica].map((client) => new Promise((resolve) => client.once("ready", resolve))));
  say("master", `${master.stream.remoteAddress}:${master.stream.remotePort}`);
  const address = (peer) => {
    const field = (name) => peer[peer.indexOf(name) + 1];
    return `${field("ip")}:${field("port")}`;
  };
  // What the program itself asks a Sentinel, asked directly; the client keeps the answers to itself.
  const sentinel = new Redis(sentinels[sentinels.length - 1]);
  say("replicas", ...(await sentinel.call("SENTINEL", "REPLICAS", "cache")).map(address).sort());
  say("sentinels", ...(await sentinel.call("SENTINEL", "SENTINELS", "cache")).map(address).sort());
  sentinel.disconnect();
  say("read", await replica.get("lab:flows"));
  for (let number = 1; ; number += 1) {
    try {
      await master.rpush(key, number);
      say("written", number);
    } catch (e) {
      say("failed", number, e.message);
    }
    await pause(5);
  }
};
main();
