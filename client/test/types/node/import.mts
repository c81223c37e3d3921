// How an ES module gets the types.

import { createClient, WxgateError } from 'wxgate-client';

export const client = createClient({ baseUrl: 'https://api.example.com' });
export const isOurs = (error: unknown): error is WxgateError => error instanceof WxgateError;
