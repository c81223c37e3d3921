// The one client of the app: with `uni` in the place of `wx`.

import { createClient } from 'wxgate-client'

export default createClient({ baseUrl: 'https://api.example.com', adapter: uni })
