// SPDX-License-Identifier: Apache-2.0
// Unmodified SDKs in a real browser, on a page of another origin, against a cluster of `assay up`:
// `node sdk_browser_test.js BIN_DIR BUILD_DIR [SDK...]`.
//
// Each page identifies its user, names his account and sends events, while a proxy answers 429 and
// 503 and cuts connections; the page is loaded again in between, and left with events on their way.
// In the end each event that arrived was counted exactly once. Nothing comes from the network. What
// is not here (chromium, npm, its registry) skips the test with one line and exit code 77.
'use strict';
const assert = require('assert');
const fs = require('fs');
const http = require('http');
const path = require('path');
const zlib = require('zlib');
const { Cluster, sleep, until } = require('../support/edge_cluster.js');
const { startProxy } = require('../support/edge_proxy.js');
const { install, skip } = require('../support/npm_packages.js');
const { PACKAGES, HASTY, ALL, serveBundle, servePage } = require('./sdk_browser_pages.js');

const [binDir, buildDir, ...asked] = process.argv.slice(2);
const SDKS = asked.length > 0 ? asked : ALL;
const FIRST = 20; // events before the page is loaded again,
const SECOND = 20; // after that,
const LAST = 10; // and in the moment in which it is left
const KEPT_MS = 60000; // as long as that an SDK may keep to itself what it kept from an earlier page
const HASTY_MS = 10000; // for one from which not all has to come
// A name, because there are no cookies for a domain on an address.
const SITE = 'app.example';
const MEASURED = [...SDKS, 'plain'];
const PLAYBOOK = `playbook: browsers
version: 1
measures:
${MEASURED.map((s) => `  ${s}_events: {count: ${s} event, per: account}
  ${s}_users: {distinct: user, on: ${s} event, window: 30d, per: account}`).join('\n')}
signals:
  never: {any: [${MEASURED.map((s) => `{${s}_events: {at_least: 1000000}}, ` +
    `{${s}_users: {at_least: 1000000}}`).join(', ')}]}
qualify: {pqa: never}
route: [{when: always, motion: sales}]
`;

// ---- The network --------------------------------------------------------------------------------

// The JSON of a body, whatever is around it.
function jsonOf(body) {
  const text = body.toString();
  if (body[0] === 0x1f && body[1] === 0x8b) return zlib.gunzipSync(body).toString();
  if (!text.startsWith('data=')) return text;
  const data = decodeURIComponent(text.slice(5).split('&')[0]);
  return data.startsWith('{') ? data : Buffer.from(data, 'base64').toString();
}

// The numbers of the events in a body: what its calls have as "i" in "properties".
function numbersOf(body) {
  const found = [];
  JSON.parse(jsonOf(body), (key, value) => {
    if (key === 'properties' && value && Number.isInteger(value.i)) found.push(value.i);
    return value;
  });
  return found;
}

// What lies between the browser and the cluster. `arrived`: the numbers of the events of the SDK
// at work that the edge has taken.
async function startNetwork(cluster, modules) {
  const net = { stormy: false, arrived: new Set() };
  net.proxy = await startProxy(cluster, {
    local: (req, res) => serveBundle(modules, req, res),
    faults: (req) => (net.stormy && req.method === 'POST' ? 3 : 0),
    headers: (req) => ({ 'access-control-allow-origin': req.headers.origin,
      'access-control-expose-headers': 'retry-after' }),
    answered: (req, body, status) => {
      if (req.method !== 'POST' || status !== 200) return;
      for (const i of numbersOf(body)) net.arrived.add(i);
    },
  });
  net.edge = `http://127.0.0.1:${net.proxy.address().port}`;
  const site = http.createServer((req, res) => {
    if (!serveBundle(modules, req, res)) servePage(net.edge, req, res);
  });
  await new Promise((r) => site.listen(0, '127.0.0.1', r));
  net.site = `http://${SITE}:${site.address().port}`;
  return net;
}

// ---- The browser --------------------------------------------------------------------------------

function findChromium() {
  for (const folder of process.env.PATH.split(':')) {
    const file = path.join(folder, 'chromium');
    if (fs.existsSync(file)) return file;
  }
  return skip('chromium is not here');
}

function startBrowser(modules, executablePath) {
  const { chromium } = require(path.join(modules, 'playwright-core'));
  return chromium.launch({ executablePath, timeout: 120000, args: ['--no-sandbox', '--disable-gpu',
    '--disable-quic', '--no-first-run', '--disable-background-networking',
    '--disable-component-update', '--disable-sync',
    `--host-resolver-rules=MAP ${SITE} 127.0.0.1 , MAP * ~NOTFOUND , EXCLUDE 127.0.0.1`] });
}

// A page in a profile of its own, in which nothing may go wrong but what the network does.
async function openPage(browser, net) {
  const context = await browser.newContext();
  const page = await context.newPage();
  const wrong = [];
  page.setDefaultTimeout(120000);
  page.on('pageerror', (e) => wrong.push(`error: ${e.message}`));
  page.on('console', (m) => {
    if (/CORS|Access-Control/.test(m.text())) wrong.push(m.text());
  });
  page.on('request', (r) => {
    const url = r.url();
    if (![net.edge, net.site, 'data:', 'blob:'].some((known) => url.startsWith(known))) {
      wrong.push(`asked for ${url}`);
    }
  });
  // What SDKs ask for beside sending is all there; the network spares it.
  page.on('response', (r) => {
    if (r.request().method() === 'GET' && r.status() >= 400) wrong.push(`${r.status()} ${r.url()}`);
  });
  return { page, close: () => context.close(),
    check: (what) => assert.deepStrictEqual(wrong, [], what) };
}

async function load(page, net, name, key) {
  await page.goto(`${net.site}/${name}?key=${key}`);
  await page.evaluate(() => window.sdk.ready());
}

const track = (page, from, to) => page.evaluate(([a, b]) => {
  for (let i = a; i < b; i++) window.sdk.track(i);
  return window.sdk.settled();
}, [from, to]);

// ---- SDKs ---------------------------------------------------------------------------------------

// Sends events in all three ways. What is sent by a page that goes has no second chance in most
// SDKs, so the network is calm then.
async function visit(page, net, name) {
  await load(page, net, name, 'dev');
  net.stormy = true;
  await page.evaluate(() => window.sdk.know());
  await track(page, 0, FIRST);
  net.stormy = false;
  await page.reload();
  await page.evaluate(() => window.sdk.ready());
  net.stormy = true;
  await track(page, FIRST, FIRST + SECOND);
  net.stormy = false;
  await page.evaluate(([from, to]) => {
    for (let i = from; i < to; i++) window.sdk.track(i);
    window.location.href = '/left';
  }, [FIRST + SECOND, FIRST + SECOND + LAST]);
  await page.waitForURL('**/left');
}

async function counted(cluster, net, name) {
  const found = await cluster.measures(name);
  assert.ok(Number(found[`${name}_events`]) <= net.arrived.size, `${name} counted twice`);
  return Number(found[`${name}_events`]) === net.arrived.size && found[`${name}_users`] === '1';
}

async function sdk(browser, cluster, net, name) {
  const started = Date.now();
  const { page, close, check } = await openPage(browser, net);
  net.arrived = new Set();
  await visit(page, net, name);
  const left = net.arrived.size;
  // What the SDK has kept goes out when the user comes again.
  await load(page, net, name, 'dev');
  const all = FIRST + SECOND + LAST;
  const sure = HASTY.includes(name) ? FIRST + SECOND : all;
  const end = Date.now() + (sure < all ? HASTY_MS : KEPT_MS);
  while (net.arrived.size < all && Date.now() < end) await sleep(50);
  for (let i = 0; i < sure; i++) assert.ok(net.arrived.has(i), `${name}: event ${i} never came`);
  await until(`${name}'s events`, () => counted(cluster, net, name));
  check(name);
  await close();
  console.log(`${name}: of ${all} events ${left} had arrived when the page was ` +
    `left, ${net.arrived.size} in the end; ${((Date.now() - started) / 1000).toFixed(1)} s`);
  return net.arrived.size;
}

// An SDK with a wrong key is told so, and why.
async function wrongKey(browser, net, name) {
  const { page, close, check } = await openPage(browser, net);
  await load(page, net, name, 'nobody');
  const told = page.waitForResponse((r) => r.status() === 401 && r.request().method() === 'POST');
  await page.evaluate(() => { window.sdk.track(0); });
  assert.match((await (await told).json()).error, /unknown write key/, name);
  check(`${name} with a wrong key`);
  await close();
}

// ---- Pages without an SDK -----------------------------------------------------------------------

// What browsers let a page send, and what they let it read of the answer.
async function plain(browser, cluster, net) {
  const { page, close, check } = await openPage(browser, net);
  net.arrived = new Set();
  await page.goto(`${net.site}/plain`);
  const seen = await page.evaluate(async (edge) => {
    const batch = `${edge}/v1/batch`;
    const text = (i) => JSON.stringify({ writeKey: 'dev', batch: [{ type: 'track', userId: 'u-plain',
      messageId: `plain-${i}`, event: 'plain event', properties: { i },
      context: { groupId: 'plain' } }] });
    const post = (body, more = {}) => fetch(batch, { method: 'POST', body, ...more });
    const json = { 'content-type': 'application/json' };
    const gzip = (body) => new Response(new Blob([body]).stream()
      .pipeThrough(new CompressionStream('gzip'))).arrayBuffer();
    const beacons = [navigator.sendBeacon(batch, text(0)),
      navigator.sendBeacon(batch, new Blob([text(1)], { type: 'text/plain' })),
      // Of a type that browsers ask for first, with credentials.
      navigator.sendBeacon(batch, new Blob([text(2)], { type: 'application/json' }))];
    const taken = [await post(text(3)), await post(text(4), { headers: json, keepalive: true }),
      await post(text(5), { headers: json, credentials: 'include' }),
      await post(await gzip(text(6)), { headers: { 'content-encoding': 'gzip' } }),
      await post(text(6))];
    await post(text(7), { mode: 'no-cors' });
    const refused = [await post(text(8), { headers: { authorization: `Basic ${btoa('no:')}` } }),
      await post(' '.repeat(600000)), await post(text(8), { headers: { 'content-encoding': 'br' } }),
      await post('hello')];
    return {
      beacons,
      taken: await Promise.all(taken.map(async (r) => (await r.json()).accepted)),
      id: taken[0].headers.get('x-request-id'),
      refused: await Promise.all(refused.map(async (r) => `${r.status} ${(await r.json()).error}`)),
    };
  }, net.edge);
  assert.deepStrictEqual(seen.beacons, [true, true, true]);
  assert.deepStrictEqual(seen.taken, [1, 1, 1, 1, 0]);
  assert.ok(seen.id.length > 0);
  const reasons = [/^401 unknown write key/, /^413 the body is larger/, /^415 the Content-Encoding/,
    /^400 not JSON/];
  reasons.forEach((reason, i) => assert.match(seen.refused[i], reason));
  await until('beacons', () => net.arrived.size === 8);
  await until('plain events', () => counted(cluster, net, 'plain'));
  check('plain');
  await close();
  return net.arrived.size;
}

// ---- All of it ----------------------------------------------------------------------------------

async function main() {
  const chromium = findChromium();
  const modules = install(buildDir, 'browser-sdks', PACKAGES);
  const cluster = await Cluster.start(binDir, PLAYBOOK, ['--scorers', '2']);
  const net = await startNetwork(cluster, modules);
  const browser = await startBrowser(modules, chromium);
  const sent = {};
  sent.plain = await plain(browser, cluster, net);
  for (const name of SDKS) {
    sent[name] = await sdk(browser, cluster, net, name);
    await wrongKey(browser, net, name);
  }
  for (const name of MEASURED) {
    const found = await cluster.measures(name);
    assert.strictEqual(found[`${name}_events`], String(sent[name]), name);
  }
  const { tally } = net.proxy;
  console.log(`${browser.version()}; the proxy: ${JSON.stringify(tally)}`);
  for (const fault of ['429', '503', 'cut before', 'cut after']) {
    assert.ok(asked.length > 0 || tally[fault] > 0, fault);
  }
  await browser.close();
  await cluster.stop();
  process.exit(0);
}

main().catch((e) => {
  console.error(e);
  process.exit(1);
});
