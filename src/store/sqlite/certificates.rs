use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use rusqlite::{Connection, Row, params};

use super::row::{self, Fields, micros};
use super::{SqliteStore, subscription};
use crate::model::{CertificateId, Name};
use crate::store::{Certificates, StoreError, StoredCertificate};

/// How long after a certificate was last known to be used something can arrive that is encrypted with it: the longest
/// life of a remote subscription that was lost meanwhile (three days), and four hours of retries.
const LATEST: TimeDelta = TimeDelta::hours(3 * 24 + 4);

#[async_trait]
impl Certificates for SqliteStore {
    async fn certificates(&self) -> Result<Vec<StoredCertificate>, StoreError> {
        self.read(|db| row::all(db, "SELECT * FROM certificate ORDER BY made_at DESC, id", [], read)).await
    }

    async fn wanted_for(&self) -> Result<Option<Name>, StoreError> {
        self.read(|db| {
            row::first(
                db,
                "SELECT name FROM subscription WHERE include_resource_data = 1 AND removed_at IS NULL
                 ORDER BY name LIMIT 1",
                [],
                |row| subscription::fields(row).parsed("name"),
            )
        })
        .await
    }

    async fn keep_certificate(&self, certificate: StoredCertificate) -> Result<(), StoreError> {
        self.write(move |db| {
            row::execute(
                db,
                "INSERT INTO certificate (id, certificate, sealed_key, made_at, expires_at, last_used_at)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?4) 
                 ON CONFLICT (id) DO UPDATE SET sealed_key = excluded.sealed_key",
                params![
                    certificate.id.0,
                    certificate.certificate,
                    certificate.sealed_key,
                    micros(certificate.made_at),
                    micros(certificate.expires_at)
                ],
            )?;
            Ok(())
        })
        .await
    }

    async fn retire_certificates(
        &self,
        current: &CertificateId,
        before: DateTime<Utc>,
    ) -> Result<usize, StoreError> {
        let current = current.0.clone();
        self.write(move |db| {
            row::execute(
                db,
                "DELETE FROM certificate
                 WHERE id <> ?1 AND last_used_at < ?2
                   AND NOT EXISTS (SELECT 1 FROM subscription WHERE remote_certificate = certificate.id)
                   AND NOT EXISTS (SELECT 1 FROM content WHERE received_at < certificate.last_used_at + ?3)",
                params![current, micros(before), LATEST.num_microseconds()],
            )
        })
        .await
    }
}

fn read(row: &Row<'_>) -> Result<StoredCertificate, StoreError> {
    let fields = Fields::new("certificate", "id", row);
    Ok(StoredCertificate {
        id: CertificateId(fields.get("id")?),
        certificate: fields.get("certificate")?,
        sealed_key: fields.get("sealed_key")?,
        made_at: fields.time("made_at")?,
        expires_at: fields.time("expires_at")?,
    })
}

/// Notes that Office 365 uses a certificate.
pub(super) fn used(
    db: &Connection,
    certificate: &CertificateId,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    row::execute(
        db,
        "UPDATE certificate SET last_used_at = max(last_used_at, ?2) WHERE id = ?1",
        params![certificate.0, micros(now)],
    )?;
    Ok(())
}
