// A page in strict TypeScript, with WeChat's own types: what the README shows, and what must not compile.

import { createClient, WxgateError, type Action, type Client, type Phone } from 'wxgate-client';

const client: Client = createClient({ baseUrl: 'https://api.example.com' });
createClient({ baseUrl: 'https://api.example.com', adapter: wx, appid: 'wx0', prefix: '/gate', header: 'X-Session', language: 'en' });

interface Order {
  id: number;
}

Page({
  data: { orders: [] as Order[], phone: '' },

  async onLoad() {
    const { data, statusCode } = await client.request<Order[]>({ url: '/orders', data: { page: 1 }, timeout: 5000, enableHttp2: true });
    if (statusCode === 200) this.setData({ orders: data });
  },

  async onPhone(event: WechatMiniprogram.ButtonGetPhoneNumber) {
    try {
      const number: Phone = await client.phone(event);
      this.setData({ phone: number.purePhoneNumber });
    } catch (error) {
      if (error instanceof WxgateError) wx.showToast({ title: error.message, icon: 'none', duration: 5000 });
    }
  },

  async onPhoneAnyEvent(event: WechatMiniprogram.CustomEvent<{ code: string; errMsg: string; errno?: number }>) {
    await client.phone(event);
  },

  async onProfile() {
    const shown = await wx.getUserProfile({ desc: '用于完善资料' });
    const { nickName } = await client.profile<{ nickName: string }>(shown);
    return nickName.length;
  },

  async onUpload(filePath: string) {
    const { data } = await client.uploadFile({ url: '/photos', filePath, name: 'photo', formData: { album: 'a' } });
    return JSON.parse(data) as unknown;
  },

  async onDownload() {
    const { tempFilePath } = await client.downloadFile({ url: '/report' });
    wx.openDocument({ filePath: tempFilePath });
  },

  async onLive() {
    const socket = await client.connectSocket({ url: '/live', protocols: ['chat'] });
    socket.onMessage(({ data }) => data);
    const native = await client.connectSocket<WechatMiniprogram.SocketTask>({ url: '/live' });
    native.onOpen(({ profile }) => profile);
  },
});

/** Options that were written for `wx` go in as they are. */
export function asBefore(
  request: WechatMiniprogram.RequestOption,
  upload: WechatMiniprogram.UploadFileOption,
  download: WechatMiniprogram.DownloadFileOption,
  socket: WechatMiniprogram.ConnectSocketOption,
): Promise<unknown>[] {
  return [client.request(request), client.uploadFile(upload), client.downloadFile(download), client.connectSocket(socket)];
}

/** All actions, and no other. */
export function advice(action: Action): string {
  switch (action) {
    case 'login':
    case 'login_then_tap':
    case 'tap_again':
    case 'phone':
    case 'wait':
    case 'retry':
    case 'fix':
    case 'stop':
      return action;
    default: {
      const none: never = action;
      return none;
    }
  }
}

export function details(error: WxgateError): [string, Action, number | undefined, string | undefined, number | undefined] {
  if (error.code === 'phone_refused' || error.code === 'session_key_stale') return [error.code, error.action, undefined, undefined, undefined];
  return [error.code, error.action, error.status, error.requestId, error.retryAfter];
}

// @ts-expect-error: without an address there is no client.
createClient({});
client.request({ url: '/', ...{ sslVerify: false } });
// @ts-expect-error: it is `header`.
client.request({ url: '/', headers: {} });
// @ts-expect-error: wx has no PATCH.
client.request({ url: '/', method: 'PATCH' });
// @ts-expect-error: a file needs a name.
client.uploadFile({ url: '/', filePath: 'f' });
// @ts-expect-error: this is no event of a button.
client.phone('code');
// @ts-expect-error: this is nothing shaped like wx.
createClient({ baseUrl: 'https://api.example.com', adapter: {} });
