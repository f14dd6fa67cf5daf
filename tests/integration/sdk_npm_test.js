// SPDX-License-Identifier: Apache-2.0
// Unmodified SDKs against a cluster of `assay up`: `node sdk_npm_test.js BIN_DIR BUILD_DIR [EVENTS]`.
//
// Each SDK sends its events through a proxy that answers 429 and 503, cuts connections before a
// request has reached the edge and after the edge has answered, and delays; meanwhile every service
// is killed. In the end each event was counted exactly once. What is not here (npm, its registry)
// skips the test with one line and exit code 77.
'use strict';
const assert = require('assert');
const path = require('path');
const { Cluster, sleep, until } = require('../support/edge_cluster.js');
const { startProxy } = require('../support/edge_proxy.js');
const { install } = require('../support/npm_packages.js');

const [binDir, buildDir, eventsText] = process.argv.slice(2);
const EVENTS = Number(eventsText || 10000);
const ROUNDS = 10; // of each SDK; a service is killed before each
const USERS = 40;
const PACKAGES = ['@segment/analytics-node@3', '@rudderstack/rudder-sdk-node@3', 'posthog-node@5',
  '@jitsu/js@1'];

// ---- The cluster --------------------------------------------------------------------------------

const SDKS = ['segment', 'rudder', 'posthog', 'jitsu'];
const PLAYBOOK = `playbook: sdks
version: 1
measures:
${SDKS.map((s) => `  ${s}_events: {count: ${s} event, per: account}
  ${s}_users: {distinct: user, on: ${s} event, window: 30d, per: account}`).join('\n')}
signals:
  never: {any: [${SDKS.map((s) => `{${s}_events: {at_least: 1000000}}, ` +
    `{${s}_users: {at_least: 1000000}}`).join(', ')}]}
qualify: {pqa: never}
route: [{when: always, motion: sales}]
`;

// Kills a service and waits until it is back.
async function kill(cluster, name) {
  const pid = await cluster.pid(name);
  process.kill(pid, 'SIGKILL');
  await until(`${name} is back`, async () => {
    const now = await cluster.status(name);
    return now && now.ready && now.pid !== pid;
  });
}

// ---- The SDKs -----------------------------------------------------------------------------------

// Each: sends events `from` to `to` and resolves when the SDK says that they have arrived.
function senders(load, host) {
  const { Analytics } = load('@segment/analytics-node');
  const segment = new Analytics({ writeKey: 'dev', host, flushAt: 100, flushInterval: 200,
    maxRetries: 30 });
  segment.on('error', (e) => console.error('segment:', e.reason && e.reason.message));

  const Rudder = load('@rudderstack/rudder-sdk-node');
  const rudder = new (Rudder.default || Rudder)('dev', { dataPlaneUrl: host, gzip: true,
    flushAt: 100, flushInterval: 200, maxQueueSize: 50000000, retryCount: 30,
    axiosRetryConfig: { retryDelay: () => 200 }, logLevel: 'silly' });
  rudder.logger.error = () => {};

  const { PostHog } = load('posthog-node');
  const posthog = new PostHog('dev', { host, flushAt: 100, flushInterval: 200, fetchRetryCount: 30,
    fetchRetryDelay: 200, maxQueueSize: 100000, disableCompression: false });
  posthog.on('error', (e) => console.error('posthog:', e.message));

  const { jitsuAnalytics } = load('@jitsu/js');
  // The SDK does not send again by itself, but lets its user say how to fetch.
  const persistent = async (url, options) => {
    for (;;) {
      try {
        const res = await fetch(url, options);
        if (res.status !== 429 && res.status < 500) return res;
        await res.text();
      } catch (e) { /* the connection broke */ }
      await sleep(50);
    }
  };
  const jitsu = jitsuAnalytics({ host, writeKey: 'k:dev', s2s: true, fetch: persistent });

  const user = (i) => `u${i % USERS}`;
  return {
    segment: (from, to) => Promise.all(range(from, to).map((i) => new Promise((resolve, reject) => {
      segment.track({ userId: user(i), event: 'segment event', properties: { i },
        context: { groupId: 'segment' } }, (e) => (e ? reject(e) : resolve()));
    }))),
    rudder: (from, to) => Promise.all(range(from, to).map((i) => new Promise((resolve, reject) => {
      rudder.track({ userId: user(i), event: 'rudder event', properties: { i },
        context: { groupId: 'rudder' } }, (e) => (e ? reject(e) : resolve()));
    }))),
    posthog: async (from, to) => {
      for (const i of range(from, to)) {
        posthog.capture({ distinctId: user(i), event: 'posthog event', properties: { i },
          groups: { company: 'posthog' } });
      }
      await posthog.flush();
    },
    jitsu: async (from, to) => {
      let at = from;
      const work = async () => {
        for (let i = at++; i < to; i = at++) {
          await jitsu.track('jitsu event', { i, context: { groupId: 'jitsu' }, userId: user(i) });
        }
      };
      await Promise.all(range(0, 20).map(work));
    },
  };
}

function range(from, to) {
  return Array.from({ length: to - from }, (_, k) => from + k);
}

// ---- All of it ----------------------------------------------------------------------------------

async function main() {
  const folder = install(buildDir, 'sdks', PACKAGES);
  const load = (name) => require(path.join(folder, name));
  const cluster = await Cluster.start(binDir, PLAYBOOK, ['--scorers', '2']);
  const proxy = await startProxy(cluster);
  const send = senders(load, `http://127.0.0.1:${proxy.address().port}`);
  const victims = ['ingest-0', 'scorer-0', 'scorer-1', 'router'];
  const started = Date.now();
  let kills = 0;
  const killer = (async () => {
    for (; kills < ROUNDS; kills++) {
      await sleep(300);
      await kill(cluster, victims[kills % victims.length]);
    }
  })();
  await Promise.all(Object.entries(send).map(async ([name, sender]) => {
    for (let round = 0; round < ROUNDS; round++) {
      // The first events of a round are under way when a service dies.
      const from = Math.floor((EVENTS * round) / ROUNDS);
      await sender(from, Math.floor((EVENTS * (round + 1)) / ROUNDS));
      await until(`kill ${round}`, () => kills > round - 1);
    }
    console.log(`${name}: ${EVENTS} events in ${((Date.now() - started) / 1000).toFixed(1)} s`);
  }));
  await killer;
  for (const name of SDKS) {
    const found = await cluster.measures(name);
    console.log(`${name}: counted ${found[`${name}_events`]} of ${found[`${name}_users`]} users`);
    assert.strictEqual(found[`${name}_events`], String(EVENTS), name);
    assert.strictEqual(found[`${name}_users`], String(USERS), name);
  }
  console.log(`${kills} kills; the proxy: ${JSON.stringify(proxy.tally)}`);
  for (const fault of ['429', '503', 'cut before', 'cut after']) assert.ok(proxy.tally[fault] > 0);
  await cluster.stop();
  process.exit(0);
}

main().catch((e) => {
  console.error(e);
  process.exit(1);
});
