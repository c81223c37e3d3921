// A Node service as it is written for WeChat Cloud Hosting: it believes `x-wx-openid`.
// It knows nothing of the gateway. `/seen` says what reached it, for the tests.
//
//   NODE_PATH=…/node_modules node app.js 0     port 0: any; the line "listening URL" says which

const express = require('express');

const app = express();

app.get('/', (req, res) => {
  const openid = req.headers['x-wx-openid'];
  if (!openid || !req.headers['x-wx-source']) {
    res.status(401).json({ error: 'not through WeChat' });
    return;
  }
  res.json({ openid });
});

app.all('/seen', (req, res) => {
  // Every name that any reader could take for an identity header, as it came.
  const folded = (name) => name.toLowerCase().replace(/[^a-z0-9]/g, '-');
  const headers = {};
  for (let i = 0; i < req.rawHeaders.length; i += 2) {
    const name = req.rawHeaders[i];
    if (/^(x-wx-|x-forwarded-|x-real-ip$|forwarded$|authorization$|connection$)/.test(folded(name))) {
      (headers[name] ??= []).push(req.rawHeaders[i + 1]);
    }
  }
  res.json({
    openid: req.headers['x-wx-openid'] ?? null,
    appid: req.get('X-WX-APPID') ?? null,
    unionid: req.get('X-WX-UNIONID') ?? null,
    source: req.get('X-WX-SOURCE') ?? null,
    phone: req.get('X-WX-PHONE') ?? null,
    path: req.originalUrl,
    headers,
  });
});

const server = app.listen(Number(process.argv[2] ?? 0), '127.0.0.1', () => {
  console.log(`listening http://127.0.0.1:${server.address().port}`);
});
