// The one client of this mini-program: all pages share its logins.

const { createClient } = require('wxgate-client')
const { gateway } = require('../config')

module.exports = createClient({ baseUrl: gateway })
