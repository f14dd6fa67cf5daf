// SPDX-License-Identifier: Apache-2.0
// Pages that use the SDKs of browsers as their packages have them, for sdk_browser_test.js.
//
// Each page has `sdk`: `ready()`, `know()` (identify and group), `track(i)`; and `settled()`, when
// the SDK has sent what it was given, or keeps it beyond the page's end.
'use strict';
const fs = require('fs');
const path = require('path');

const PACKAGES = ['@segment/analytics-next@1', 'posthog-js@1', '@rudderstack/analytics-js@3',
  '@jitsu/js@1', 'playwright-core@1'];

// Where the site, or whoever serves it, has the bundles.
const BUNDLES = {
  '/segment.js': '@segment/analytics-next/dist/umd/index.js',
  '/posthog.js': 'posthog-js/dist/array.js',
  '/rudder.js': '@rudderstack/analytics-js/dist/npm/modern/bundled/umd/index.js',
  '/jitsu.js': '@jitsu/js/dist/jitsu.es.js',
  '/p.js': '@jitsu/js/dist/web/p.js.txt',
};

const person = (name) => `'u-${name}', { email: 'ann@${name}.example' }`;

// Jitsu's SDK does not send again, and what it sends ends with the page, but it lets its user say
// how to fetch.
const JITSU_FETCH = `async (url, options) => {
  for (;;) {
    try {
      const res = await fetch(url, { ...options, keepalive: true });
      if (res.status !== 429 && res.status < 500) return res;
      await res.text();
    } catch (e) { /* the connection broke */ }
    await new Promise((r) => setTimeout(r, 100));
  }
}`;

const jitsu = (name) => `
  const sent = [];
  window.sdk = {
    ready: async () => {},
    know: async () => { await j.identify(${person(name)}); await j.group('${name}'); },
    track: (i) => { sent.push(j.track('${name} event', { i })); },
    settled: () => Promise.all(sent),
  };`;

const PAGES = {
  segment: (edge, key) => `<script src="/segment.js"></script><script>
    const a = AnalyticsNext.AnalyticsBrowser.load({ writeKey: '${key}', cdnURL: '${edge}' });
    const sent = [];
    window.sdk = {
      ready: () => a.ready(),
      know: async () => { await a.identify(${person('segment')}); await a.group('segment'); },
      track: (i) => { sent.push(a.track('segment event', { i })); },
      settled: () => Promise.all(sent),
    };</script>`,

  // The user agent of a browser without a screen is a bot to this SDK.
  posthog: (edge, key) => `<script src="/posthog.js"></script><script>
    window.sdk = {
      ready: () => new Promise((loaded) => posthog.init('${key}', { api_host: '${edge}', loaded,
        opt_out_useragent_filter: true })),
      know: async () => {
        posthog.identify(${person('posthog')});
        posthog.group('company', 'posthog');
      },
      track: (i) => { posthog.capture('posthog event', { i }); },
      settled: async () => {},
    };</script>`,

  rudder: (edge, key) => `<script src="/rudder.js"></script><script>
    const r = new rudderanalytics.RudderAnalytics();
    window.sdk = {
      ready: () => new Promise((resolve) => {
        r.load('${key}', '${edge}', { configUrl: '${edge}' });
        r.ready(resolve);
      }),
      know: async () => { r.identify(${person('rudder')}); r.group('rudder'); },
      track: (i) => { r.track('rudder event', { i }); },
      settled: async () => {},
    };</script>`,

  jitsu: (edge, key) => `<script type="module">
    import { jitsuAnalytics } from '/jitsu.js';
    const j = jitsuAnalytics({ host: '${edge}', writeKey: 'k:${key}', fetch: ${JITSU_FETCH} });
    ${jitsu('jitsu')}</script>`,

  // Jitsu's other bundle sends to where it was loaded from.
  jitsu_tag: (edge, key) => `<script>window.jitsuConfig = { fetch: ${JITSU_FETCH} };</script>
    <script src="${edge}/p.js" data-write-key="k:${key}" data-namespace="j"></script><script>
    ${jitsu('jitsu_tag')}</script>`,
};

// Segment's SDK works on an event for a moment before it sends or keeps it: what a page tracks in the
// very turn in which it is left may be gone. (For links it has trackLink, which waits.)
const HASTY = ['segment'];

// Answers with a bundle out of `modules`; false: it is none.
function serveBundle(modules, req, res) {
  const bundle = BUNDLES[req.url];
  if (bundle === undefined) return false;
  res.writeHead(200, { 'content-type': 'text/javascript' });
  res.end(fs.readFileSync(path.join(modules, bundle)));
  return true;
}

// Answers "/NAME?key=KEY" with a page, everything else with one that does nothing.
function servePage(edge, req, res) {
  const url = new URL(req.url, 'http://site');
  const page = PAGES[url.pathname.slice(1)];
  res.writeHead(200, { 'content-type': 'text/html; charset=utf-8' });
  res.end('<!doctype html><link rel="icon" href="data:,"><title>A product</title>' +
    (page === undefined ? 'nothing' : page(edge, url.searchParams.get('key') || 'dev')));
}

module.exports = { PACKAGES, HASTY, ALL: Object.keys(PAGES), serveBundle, servePage };
