// Whose address is this: the gateway's, which gets the credential, or anybody else's, which never does.
//
// Mini-programs have no URL class, and parsers differ about what they are given: a backslash may be a slash, a tab
// nothing, `host?@evil` may name either. So nothing is judged by resemblance: an address is ours if all of its authority is ours,
// but for case and the usual port, and then it is written anew, with our own origin and a slash in front. Whoever reads it
// afterwards, and however, finds that host in it.

import { WxgateError } from './error.js';

/** Scheme, "s", authority and rest; without a scheme it begins with two slashes. */
const ABSOLUTE = /^(?:(http|ws)(s?):)?\/\/([^/?#\\]*)([^]*)$/i;

export interface Place {
  url: string;
  /** Whether it is the gateway's. */
  ours: boolean;
}

/** Tells where a `url` leads: relative ones to the gateway, below `baseUrl`. */
export function places(baseUrl: string): (url: string) => Place {
  const [, scheme, secure, authority, path] = ABSOLUTE.exec(baseUrl) || [];
  if (!scheme || !/^[\w.:[\]-]+$/.test(authority!) || !/^[\w.~/%-]*$/.test(path!)) {
    throw new WxgateError('bad_base_url', { detail: `baseUrl must be like https://api.example.com, and is ${baseUrl}` });
  }
  const origin = `http${secure}://${authority}`.toLowerCase();
  const base = origin + path!.replace(/\/+$/, '');
  const host = (authority: string, secure: string) => authority.toLowerCase().replace(secure ? /:443$/ : /:80$/, '');

  return (url) => {
    const [whole, , theirs, name, rest] = ABSOLUTE.exec(url) || [];
    if (whole === undefined) return { url: below(base, url), ours: true };
    const isSecure = /^\/\//.test(whole) ? secure : theirs;
    const ours = !isSecure === !secure && host(name!, secure!) === host(authority!, secure!);
    return ours ? { url: below(origin, rest!), ours } : { url, ours };
  };
}

function below(base: string, path: string): string {
  return base + (path.startsWith('/') ? path : `/${path}`);
}
