// SPDX-License-Identifier: Apache-2.0
// What the HTTP port takes, and how it answers: `node edge_http_test.js BIN_DIR`.
'use strict';
const assert = require('assert');
const fs = require('fs');
const http = require('http');
const path = require('path');
const vm = require('vm');
const zlib = require('zlib');
const { Cluster, until } = require('../support/edge_cluster.js');

const PAGE = 'https://app.example';
const PLAYBOOK = `playbook: edge
version: 1
measures:
  seen: {count: Seen, per: account}
  pages: {count: page, per: account}
  projects: {count: Project Created, per: account}
signals:
  never: {any: [{seen: {at_least: 1000000}}, {pages: {at_least: 1000000}}, {projects: {at_least: 1000000}}]}
qualify: {pqa: never}
route: [{when: always, motion: sales}]
`;

let number = 0;
const id = () => `m${++number}`;
const seen = (account) => ({ type: 'track', event: 'Seen', userId: 'u', messageId: id(),
  context: { groupId: account } });

async function expectTaken(cluster, where, body, headers, more) {
  const answer = await cluster.post(where, body, headers, more);
  assert.strictEqual(answer.status, 200, `${where}: ${answer.text}`);
  assert.strictEqual(answer.json.success, true, where);
  assert.strictEqual(answer.json.refused, 0, `${where}: ${answer.text}`);
  return answer.json;
}

// ---- Paths and shapes ---------------------------------------------------------------------------

async function paths(cluster) {
  let n = 0;
  const track = (account) => { const { type, ...call } = seen(account); return call; };
  for (const where of ['/v1/track', '/track', '/v1/t', '/t', '/api/s/track', '/api/s/s2s/track']) {
    const json = await expectTaken(cluster, where, track('paths'));
    assert.strictEqual(json.accepted, 1, where);
    n++;
  }
  for (const where of ['/v1/batch', '/v1/import', '/v1/b', '/b', '/beacon/v1/batch', '/api/s/event']) {
    await expectTaken(cluster, where, { batch: [seen('paths'), seen('paths')] });
    n += 2;
  }
  const event = () => ({ event: 'Seen', distinct_id: 'u', uuid: id(),
    properties: { $groups: { company: 'paths' } } });
  for (const where of ['/batch', '/batch/', '/capture', '/capture/', '/e', '/e/', '/i/v0/e/',
    '/e/?ip=1&_=2']) {
    await expectTaken(cluster, where, { api_key: 'dev', batch: [event()] });
    await expectTaken(cluster, where, { api_key: 'dev', ...event() });
    await expectTaken(cluster, where, [event()]);
    n += 3;
  }
  const kinds = { identify: {}, group: { groupId: 'paths' }, page: { name: 'Home' },
    screen: { name: 'Home' }, alias: { previousId: 'p' } };
  for (const [kind, more] of Object.entries(kinds)) {
    for (const where of [`/v1/${kind}`, `/${kind}`, `/v1/${kind[0]}`, `/api/s/${kind}`]) {
      await expectTaken(cluster, where, { userId: 'u', messageId: id(), ...more });
    }
  }
  assert.strictEqual((await cluster.measures('paths')).seen, String(n));
  for (const where of ['/v1/m', '/m', '/flags/?v=2', '/decide/', '/s/']) {
    assert.strictEqual((await cluster.post(where, '{}')).status, 200, where);
  }
  for (const where of ['/v1/projects/dev/settings', '/sourceConfig/?writeKey=dev',
    '/array/dev/config']) {
    const answer = await cluster.post(where, '', {}, { method: 'GET' });
    assert.ok(answer.status === 200 && answer.json, where);
  }
  for (const where of ['/array/dev/config.js', '/static/surveys.js', '/static/1.2.3/surveys.js']) {
    const answer = await cluster.post(where, '', {}, { method: 'GET' });
    assert.strictEqual(answer.status, 200, where);
    assert.strictEqual(answer.headers['content-type'], 'text/javascript', where);
    vm.runInNewContext(answer.text, { window: {} });
  }
  const settings = async (headers) => (await cluster.post('/v1/projects/dev/settings', '', headers,
    { method: 'GET' })).json.integrations['Segment.io'];
  assert.strictEqual((await settings({})).protocol, 'http');
  assert.strictEqual((await settings({})).apiHost, `${cluster.http}/v1`);
  assert.strictEqual((await settings({ 'x-forwarded-proto': 'https' })).protocol, 'https');
  for (const where of ['/static/array.js', '/array/dev/array.js', '/array/d"/config.js']) {
    assert.strictEqual((await cluster.post(where, '', {}, { method: 'GET' })).status, 404, where);
  }
  assert.strictEqual((await cluster.post('/v1/nothing', '{}')).status, 404);
  assert.strictEqual((await cluster.post('/v1/batch', '', {}, { method: 'GET' })).status, 405);
}

async function bodies(cluster) {
  const json = () => JSON.stringify({ batch: [seen('bodies')] });
  const gzip = () => zlib.gzipSync(json());
  const data = (text) => `data=${encodeURIComponent(text)}`;
  const cases = [
    [json(), { 'content-type': 'text/plain;charset=UTF-8' }],
    [json(), { 'content-type': 'application/x-www-form-urlencoded' }],
    [json(), { 'content-type': 'nonsense' }],
    [`\n ${json()} \n`, {}],
    [gzip(), { 'content-encoding': 'gzip', 'content-type': 'application/x-www-form-urlencoded' }],
    [zlib.deflateSync(json()), { 'content-encoding': 'deflate' }],
    [gzip(), { 'content-type': 'text/plain' }], // as PostHog's browsers do, without saying so
    [data(json()), { 'content-type': 'application/x-www-form-urlencoded' }],
    [data(Buffer.from(json()).toString('base64')), {}],
    [json(), { 'transfer-encoding': 'chunked' }],
    [json(), { expect: '100-continue' }],
  ];
  for (const [body, headers] of cases) await expectTaken(cluster, '/v1/batch', body, headers);
  assert.strictEqual((await cluster.measures('bodies')).seen, String(cases.length));
}

// ---- Verdicts -----------------------------------------------------------------------------------

async function verdicts(cluster) {
  const first = seen('verdicts');
  const answer = await cluster.post('/v1/batch', { batch: [seen('verdicts'), 5,
    { type: 'track', event: 'Seen', messageId: id() }, first, first,
    { type: 'foo' }, { ...seen('verdicts'), properties: { text: 'x'.repeat(33000) } }] });
  assert.strictEqual(answer.status, 200);
  const { accepted, duplicate, refused, events } = answer.json;
  assert.deepStrictEqual([accepted, duplicate, refused], [2, 1, 4]);
  assert.deepStrictEqual(events.map((e) => [e.index, e.status]), [[1, 'refused'], [2, 'refused'],
    [4, 'duplicate'], [5, 'refused'], [6, 'refused']]);
  assert.match(events[1].reason, /user_id: missing/);
  assert.match(events[3].reason, /type: expected track/);
  assert.match(events[4].reason, /event has 33\d+ bytes, at most 32768/);
  assert.deepStrictEqual((await expectTaken(cluster, '/v1/batch', { batch: [] })).accepted, 0);
}

async function wholeBodies(cluster) {
  const refused = async (body, status, reason) => {
    const answer = await cluster.post('/v1/batch', body, { origin: PAGE });
    assert.strictEqual(answer.status, status, answer.text);
    assert.match(answer.json.error, reason);
    assert.strictEqual(answer.headers['access-control-allow-origin'], PAGE);
  };
  await refused('', 400, /not JSON: unexpected end at byte 0/);
  await refused('hello', 400, /not JSON/);
  await refused('{"batch":[{"type":"track"', 400, /not JSON: unexpected end/);
  await refused('{"batch":7}', 400, /batch: expected an array, got a number/);
  await refused('data=%%%', 400, /data: expected JSON or base64/);
  await refused(JSON.stringify({ batch: Array(2501).fill(seen('x')) }), 413, /2500 events/);
  await refused(JSON.stringify({ batch: [], filler: 'x'.repeat(600000) }), 413, /./);
  await refused(zlib.gzipSync(' '.repeat(3000000)), 413, /512000/);
}

// A body that is sent again, of a client that names nothing, is not counted twice.
async function withoutIds(cluster) {
  const call = { userId: 'u', event: 'Seen', timestamp: new Date().toISOString(),
    context: { groupId: 'nameless' } };
  const body = { batch: [{ type: 'track', ...call }, { type: 'track', ...call }] };
  assert.strictEqual((await expectTaken(cluster, '/v1/batch', body)).accepted, 2);
  assert.strictEqual((await expectTaken(cluster, '/v1/batch', body)).duplicate, 2);
  body.sentAt = new Date().toISOString();
  assert.strictEqual((await expectTaken(cluster, '/v1/batch', body)).duplicate, 2);
  assert.strictEqual((await cluster.measures('nameless')).seen, '2');
}

const asked = (method) => ({ origin: PAGE, 'access-control-request-method': method,
  'access-control-request-headers': 'content-type,authorization' });

async function pagesOfBrowsers(cluster) {
  const preflight = async (where, method) => {
    const answer = await cluster.post(where, '', asked(method), { method: 'OPTIONS' });
    return answer.headers;
  };
  const answer = await cluster.post('/v1/batch', '', asked('POST'), { method: 'OPTIONS' });
  assert.strictEqual(answer.status, 204);
  assert.strictEqual(answer.headers['access-control-allow-origin'], PAGE);
  assert.strictEqual(answer.headers['access-control-allow-credentials'], 'true');
  assert.strictEqual(answer.headers['access-control-allow-methods'], 'POST');
  assert.strictEqual(answer.headers['access-control-allow-headers'], 'content-type,authorization');
  assert.ok(Number(answer.headers['access-control-max-age']) > 0);
  const taken = await cluster.post('/v1/p', { userId: 'u', name: 'Home', messageId: id() },
    { origin: PAGE });
  assert.strictEqual(taken.headers['access-control-allow-origin'], PAGE);
  assert.strictEqual(taken.headers['access-control-allow-credentials'], 'true');
  assert.strictEqual(taken.headers.vary, 'Origin');
  const settings = await preflight('/v1/projects/dev/settings', 'GET');
  assert.strictEqual(settings['access-control-allow-origin'], PAGE);
  // What is no event may not be asked for by any page.
  for (const [where, method] of [['/assay.router.v1.RouterService/ListLeads', 'POST'],
    ['/v1/batch', 'GET'], ['/v1/nothing', 'POST']]) {
    assert.strictEqual((await preflight(where, method))['access-control-allow-origin'], undefined);
  }
}

// ---- Peers that go ------------------------------------------------------------------------------

// Who does not wait for the answer has sent his event all the same; nothing else comes of it.
async function gone(cluster) {
  const scorer = await cluster.pid('scorer-0');
  process.kill(scorer, 'SIGSTOP');
  const [host, port] = cluster.http.split(':');
  await Promise.all(Array.from({ length: 20 }, () => new Promise((resolve) => {
    const req = http.request({ host, port, path: '/v1/batch', method: 'POST', agent: false,
      headers: cluster.key });
    req.on('error', () => {});
    req.on('close', resolve);
    req.end(JSON.stringify({ batch: [seen('gone')] }));
    setTimeout(() => req.destroy(), 300);
  })));
  process.kill(scorer, 'SIGCONT');
  await until('the events of peers that have gone',
    async () => Number((await cluster.measures('gone')).seen) === 20);
}

// ---- Keys ---------------------------------------------------------------------------------------

async function keyAdd(cluster, name, ...more) {
  return JSON.parse(await cluster.run('keys', 'add', name, '--json', ...more)).token;
}

// Without a file of keys there is one, so that a wrong one is noticed before there are others.
async function noKeys(cluster) {
  for (const headers of [{ 'x-write-key': 'other' }, { 'x-write-key': '' },
    { authorization: `Basic ${Buffer.from('de:v').toString('base64')}` }]) {
    const answer = await cluster.post('/v1/batch', { batch: [seen('none')] },
      { ...headers, ...(headers.authorization ? { 'x-write-key': '' } : {}) });
    assert.strictEqual(answer.status, 401, answer.text);
    assert.match(answer.json.error, /"dev"/);
  }
}

// Every place where an SDK puts a write key.
function waysOfKeys(key) {
  const event = () => ({ event: 'Seen', distinct_id: 'u', uuid: id(),
    properties: { $groups: { company: 'keyed-1' } } });
  const call = () => seen('keyed-1');
  const basic = (pair) => ({ authorization: `Basic ${Buffer.from(pair).toString('base64')}` });
  return [
    ['/v1/batch', { batch: [call()] }, basic(`${key}:`)],
    ['/v1/batch', { batch: [call()] }, { authorization: `Bearer ${key}` }],
    ['/v1/batch', { batch: [call()], writeKey: 'masked' }, { 'x-write-key': key }],
    ['/v1/batch', { batch: [call()] }, { 'x-api-key': key }],
    [`/v1/batch?writeKey=${key}`, { batch: [call()] }, {}],
    ['/v1/batch', { batch: [call()], writeKey: key }, {}],
    ['/v1/track', { ...call(), writeKey: key }, {}],
    ['/batch/', { api_key: key, batch: [event()] }, {}],
    ['/capture/', { token: key, ...event() }, {}],
    ['/e/', [{ ...event(), properties: { token: key, $groups: { company: 'keyed-1' } } }], {}],
  ];
}

async function keys() {
  const cluster = Cluster.make(process.argv[2], PLAYBOOK);
  const web = await keyAdd(cluster, 'web', '--role', 'write', '--accounts', 'keyed-*');
  const slow = await keyAdd(cluster, 'slow', '--role', 'write', '--rate', '20', '--burst', '20');
  const crm = await keyAdd(cluster, 'crm', '--role', 'consumer');
  await cluster.up();
  const send = (key, account, n = 1) => cluster.post('/v1/batch',
    { batch: Array.from({ length: n }, () => seen(account)) },
    { 'x-write-key': key, origin: PAGE });

  for (const [where, body, headers] of waysOfKeys(web)) {
    await expectTaken(cluster, where, body, headers);
  }
  for (const [where, body, headers] of waysOfKeys(`${web.slice(0, -1)}!`)) {
    const answer = await cluster.post(where, body, headers);
    assert.strictEqual(answer.status, 401, `${where}: ${answer.text}`);
    assert.ok(answer.json.error.length > 0);
  }
  const none = await cluster.post('/v1/batch', { batch: [seen('keyed-1')] }, { origin: PAGE });
  assert.strictEqual(none.status, 401, none.text);
  assert.strictEqual(none.headers['access-control-allow-origin'], PAGE);
  assert.strictEqual((await send('x'.repeat(5000), 'keyed-1')).status, 401);
  assert.strictEqual((await send(crm, 'keyed-1')).status, 403);

  const other = await cluster.post('/v1/batch', { batch: [seen('else'), seen('keyed-1')] },
    { 'x-write-key': web });
  assert.strictEqual(other.status, 200);
  assert.deepStrictEqual([other.json.accepted, other.json.refused], [1, 1], other.text);
  assert.deepStrictEqual(other.json.events.map((e) => e.index), [0]);

  let pushedBack;
  await until('over the rate', async () => {
    const answer = await send(slow, 'slow', 50);
    if (answer.status !== 200) pushedBack = answer;
    return pushedBack !== undefined;
  });
  assert.strictEqual(pushedBack.status, 429, pushedBack.text);
  assert.ok(Number(pushedBack.headers['retry-after']) >= 1);
  assert.match(pushedBack.headers['access-control-expose-headers'], /Retry-After/);
  assert.ok(Number(pushedBack.headers['x-ratelimit-reset']) > Date.now() / 1000 - 5);

  await cluster.run('keys', 'disable', 'web');
  await until('the key is disabled', async () => (await send(web, 'keyed-1')).status === 401);
  const counted = Number((await cluster.measures('keyed-1')).seen);
  assert.ok(counted >= waysOfKeys(web).length + 1, String(counted));

  const log = path.join(cluster.data, 'log');
  for (const file of fs.readdirSync(log)) {
    const text = fs.readFileSync(path.join(log, file), 'utf8');
    for (const token of [web, slow, crm]) assert.ok(!text.includes(token.split('_')[3]), file);
  }
  await cluster.stop();
}

// ---- The end of a process -----------------------------------------------------------------------

// What was answered 200 before, while and after the process ends is there.
async function drain(cluster) {
  const pid = await cluster.pid('ingest-0');
  let taken = 0;
  let ended = false;
  const work = async () => {
    while (!ended) {
      try {
        const answer = await cluster.post('/v1/batch', { batch: [seen('drain')] });
        assert.ok(answer.status === 200 || answer.status === 503, answer.text);
        taken += answer.status === 200;
      } catch (e) { /* nobody listens for a moment */ }
    }
  };
  const workers = Array.from({ length: 8 }, work);
  await new Promise((r) => setTimeout(r, 200));
  process.kill(pid, 'SIGTERM');
  let now = pid;
  while (now === pid) now = (await cluster.status('ingest-0') || {}).pid || pid;
  await cluster.pid('ingest-0');
  await new Promise((r) => setTimeout(r, 200));
  ended = true;
  await Promise.all(workers);
  const counted = Number((await cluster.measures('drain')).seen);
  // A connection may break after its event was taken.
  assert.ok(taken > 0 && counted >= taken && counted <= taken + 8 * 2, `${taken}, ${counted}`);
}

async function main() {
  const cluster = await Cluster.start(process.argv[2], PLAYBOOK);
  for (const test of [paths, bodies, verdicts, wholeBodies, withoutIds, pagesOfBrowsers, noKeys, gone,
    drain]) {
    await test(cluster);
    console.log(`ok: ${test.name}`);
  }
  await cluster.stop();
  await keys();
  console.log('ok: keys');
  process.exit(0);
}

main().catch((e) => {
  console.error(e);
  process.exit(1);
});
