// Signs in at launch: what a button gives later is then encrypted under a key that the gateway knows.

const client = require('./lib/client')

App({
  onLaunch() {
    // Where it fails, the page that needs it says so.
    client.request({ url: '/wxgate/session' }).catch(() => {})
  },
})
