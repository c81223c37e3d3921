// How CommonJS gets the types.

import wxgate = require('wxgate-client');

export const client: wxgate.Client = wxgate.createClient({ baseUrl: 'https://api.example.com' });
