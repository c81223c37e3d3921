//! A certificate authority of a test's own, and clients that trust it alone.

use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;

use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, IsCa, Issuer, KeyPair,
    PKCS_RSA_SHA256, RsaKeySize,
};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::version::{TLS12, TLS13};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use super::{Client, Folder};

/// A client over TLS.
pub type Secure = Client<StreamOwned<ClientConnection, TcpStream>>;

/// Signs certificates into files of its folder.
pub struct Authority {
    pub folder: Folder,
    issuer: Issuer<'static, KeyPair>,
    /// Its own certificate, as PEM.
    pub pem: String,
}

impl Authority {
    /// One in a folder of its own; `name` is the test's.
    pub fn new(name: &str) -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name = DistinguishedName::new();
        params
            .distinguished_name
            .push(DnType::CommonName, "a test's authority");
        let key = KeyPair::generate().unwrap();
        let pem = params.self_signed(&key).unwrap().pem();
        let folder = Folder::new(name);
        folder.write("ca.pem", &pem);
        Self {
            folder,
            issuer: Issuer::new(params, key),
            pem,
        }
    }

    /// Writes `NAME.pem` and `NAME.key`, good for `hosts`.
    pub fn sign(&self, name: &str, hosts: &[&str]) {
        self.sign_with(name, hosts, &KeyPair::generate().unwrap(), |_| ());
    }

    /// The same with an RSA key of 4096 bits, which is slow to sign with.
    pub fn sign_slow(&self, name: &str, hosts: &[&str]) {
        let key = KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_4096).unwrap();
        self.sign_with(name, hosts, &key, |_| ());
    }

    /// The same with something else about the certificate.
    pub fn sign_with(
        &self,
        name: &str,
        hosts: &[&str],
        key: &KeyPair,
        change: impl FnOnce(&mut CertificateParams),
    ) {
        let hosts: Vec<String> = hosts.iter().map(|host| (*host).to_owned()).collect();
        let mut params = CertificateParams::new(hosts).unwrap();
        params.distinguished_name = DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, name);
        change(&mut params);
        let certificate = params.signed_by(key, &self.issuer).unwrap();
        self.folder
            .write(&format!("{name}.pem"), &certificate.pem());
        self.folder
            .write(&format!("{name}.key"), &key.serialize_pem());
    }

    /// `cert` and `key` lines for the pair `name`.
    pub fn lines(&self, name: &str) -> String {
        let path = |end: &str| {
            self.folder
                .file(&format!("{name}.{end}"))
                .display()
                .to_string()
        };
        format!("cert = \"{}\"\nkey = \"{}\"\n", path("pem"), path("key"))
    }

    /// A `[tls]` section with the pair `name`.
    pub fn section(&self, name: &str) -> String {
        format!("[tls]\n{}", self.lines(name))
    }

    /// A client that trusts this authority and speaks HTTP/1.1.
    pub fn client(&self) -> Arc<ClientConfig> {
        Arc::new(client_config(&self.pem, true))
    }

    /// The same that knows no TLS but 1.2.
    pub fn old_client(&self) -> Arc<ClientConfig> {
        Arc::new(client_config(&self.pem, false))
    }
}

/// A client that trusts `pem` alone, with TLS 1.3 or with 1.2 only.
pub fn client_config(pem: &str, is_new: bool) -> ClientConfig {
    let mut roots = RootCertStore::empty();
    roots
        .add(CertificateDer::from_pem_slice(pem.as_bytes()).unwrap())
        .unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let versions = if is_new { &[&TLS13] } else { &[&TLS12] };
    let builder = ClientConfig::builder_with_provider(provider);
    let builder = builder.with_protocol_versions(versions).unwrap();
    let mut config = builder.with_root_certificates(roots).with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    config
}

impl Secure {
    /// Shakes hands for `host`. The error is what TLS says.
    pub fn try_connect(
        address: SocketAddr,
        config: &Arc<ClientConfig>,
        host: &str,
    ) -> std::io::Result<Self> {
        Self::try_on(Client::connect(address).stream, config, host)
    }

    /// The same on a connection that is there.
    pub fn try_on(
        mut socket: TcpStream,
        config: &Arc<ClientConfig>,
        host: &str,
    ) -> std::io::Result<Self> {
        let name = ServerName::try_from(host.to_owned()).unwrap();
        let mut session = ClientConnection::new(Arc::clone(config), name).unwrap();
        while session.is_handshaking() {
            session.complete_io(&mut socket)?;
        }
        Ok(Self::speaking(StreamOwned::new(session, socket)))
    }

    /// The same, which must succeed.
    #[track_caller]
    pub fn secure(address: SocketAddr, config: &Arc<ClientConfig>, host: &str) -> Self {
        Self::try_connect(address, config, host).unwrap_or_else(|error| panic!("{host}: {error}"))
    }

    /// What the server showed first: its own certificate.
    pub fn shown(&self) -> CertificateDer<'static> {
        self.stream.conn.peer_certificates().unwrap()[0]
            .clone()
            .into_owned()
    }
}
