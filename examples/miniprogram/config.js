// Where everything is: as it stands, what `wxgate demo` starts on this machine.

module.exports = {
  /** The gateway. In production: `https://` and a host that is among the console's server domain names. */
  gateway: 'http://127.0.0.1:8080',
  /** The mock WeChat's control API, which only a developer's build asks; '' where there is none. */
  mock: 'http://127.0.0.1:9181',
}
