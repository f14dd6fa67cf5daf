// SPDX-License-Identifier: Apache-2.0
// A scorer that stands still is felt at the HTTP port, in bounded memory, and only by the accounts
// that are its own: `node edge_backpressure_test.js BIN_DIR`. When it goes on and everything that
// was not taken is sent again, each event has been counted once.
'use strict';
const assert = require('assert');
const fs = require('fs');
const { Cluster, sleep } = require('../support/edge_cluster.js');

const PLAYBOOK = `playbook: edge
version: 1
measures:
  seen: {count: Seen, per: account}
signals:
  never: {seen: {at_least: 1000000}}
qualify: {pqa: never}
route: [{when: always, motion: sales}]
`;
const MIB = 1024 * 1024;
const WORKERS = 60;
const EVENTS = 40; // of a body
const TEXT = 'x'.repeat(8000); // of an event: a body has about 320 KiB
const FLOOD_BODIES = 500; // about 160 MiB, more than twice what may wait for a lane (64 MiB)
const RSS_MAX = 200 * MIB; // lanes, bodies of the server, bodies that are worked on

function rss(pid) {
  const status = fs.readFileSync(`/proc/${pid}/status`, 'utf8');
  return Number(/VmRSS:\s+(\d+)/.exec(status)[1]) * 1024;
}

function body(account, number) {
  return JSON.stringify({ batch: Array.from({ length: EVENTS }, (_, i) => ({ type: 'track',
    event: 'Seen', userId: 'u', messageId: `${account}-${number}-${i}`,
    context: { groupId: account }, properties: { text: TEXT } })) });
}

// Accounts of the scorer that stands still do not answer; those of the other do.
async function sortAccounts(cluster) {
  const own = [];
  const other = [];
  for (let i = 0; own.length === 0 || other.length === 0; i++) {
    assert.ok(i < 30, 'all accounts are of one scorer');
    const account = `account-${i}`;
    const answer = await cluster.post('/v1/track', { event: 'Seen', userId: 'u',
      messageId: `probe-${i}`, context: { groupId: account } });
    assert.ok([200, 429, 503].includes(answer.status), answer.text);
    (answer.status === 200 ? other : own).push(account);
  }
  return { own: own[0], other: other[0] };
}

async function main() {
  const cluster = await Cluster.start(process.argv[2], PLAYBOOK, ['--scorers', '2']);
  const ingest = await cluster.pid('ingest-0');
  const scorer = await cluster.pid('scorer-1');
  const before = rss(ingest);
  process.kill(scorer, 'SIGSTOP');
  process.once('exit', () => { try { process.kill(scorer, 'SIGCONT'); } catch (e) { /* gone */ } });
  const { own, other } = await sortAccounts(cluster);

  let peak = 0;
  let next = 0;
  let served = 0;
  let flooding = true;
  const answers = {};
  const open = new Set(Array.from({ length: FLOOD_BODIES }, (_, i) => i)); // not taken yet
  const send = async (number) => {
    const answer = await cluster.post('/v1/batch', body(own, number));
    answers[answer.status] = (answers[answer.status] || 0) + 1;
    if (answer.status === 200) open.delete(number);
    else {
      assert.ok([429, 503].includes(answer.status), `${answer.status}: ${answer.text}`);
      assert.ok(Number(answer.headers['retry-after']) >= 1);
    }
    peak = Math.max(peak, rss(ingest));
  };
  const flood = Array.from({ length: WORKERS }, async () => {
    while (next < FLOOD_BODIES) await send(next++);
  });
  const others = (async () => {
    for (let i = 0; flooding; i++) {
      const answer = await cluster.post('/v1/track', { event: 'Seen', userId: 'u',
        messageId: `other-${i}`, context: { groupId: other } });
      assert.strictEqual(answer.status, 200, `other accounts: ${answer.text}`);
      served++;
      await sleep(20);
    }
  })();
  await Promise.all(flood);
  flooding = false;
  await others;
  console.log(`while a scorer stood still: answers ${JSON.stringify(answers)}, others served ` +
    `${served}, memory of ingest ${Math.round(before / MIB)} MiB, at most ` +
    `${Math.round(peak / MIB)} MiB`);
  assert.strictEqual(answers[200], undefined);
  assert.ok(served > 10 && peak < RSS_MAX);

  process.kill(scorer, 'SIGCONT');
  let rounds = 0;
  for (; open.size > 0; rounds++) {
    assert.ok(rounds < 300, `${open.size} bodies are never taken`);
    const left = [...open];
    await Promise.all(Array.from({ length: 8 }, async () => {
      while (left.length > 0) await send(left.pop());
    }));
    if (open.size > 0) await sleep(200);
  }
  console.log(`after it went on: answers ${JSON.stringify(answers)} in ${rounds} rounds, memory ` +
    `${Math.round(rss(ingest) / MIB)} MiB`);
  // One of the probes was for this account, and waited with the rest.
  assert.strictEqual((await cluster.measures(own)).seen, String(FLOOD_BODIES * EVENTS + 1));
  assert.ok(answers[429] > 0); // over the bound
  await cluster.stop();
  process.exit(0);
}

main().catch((e) => {
  console.error(e);
  process.exit(1);
});
