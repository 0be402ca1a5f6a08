//! The messages of IBC v2, made by `examples/generate-proto.rs`, and how they are turned into the relayer's own types.
//!
//! What `ibc-proto` has is taken from there. It is on an older `prost`, so that between the two nothing is handed over
//! but bytes.

mod convert;

pub(crate) use convert::{packet_from_proto, packet_to_proto, payload_to_proto};

/// Made files: modules follow the packages, since the files name each other so.
#[allow(missing_docs, unreachable_pub)]
pub(crate) mod ibc {
    pub(crate) mod applications {
        pub(crate) mod transfer {
            pub(crate) mod v1 {
                include!("generated/ibc.applications.transfer.v1.rs");
            }
        }
    }
    pub(crate) mod core {
        pub(crate) mod channel {
            pub(crate) mod v2 {
                include!("generated/ibc.core.channel.v2.rs");
            }
        }
        pub(crate) mod client {
            pub(crate) mod v1 {
                include!("generated/ibc.core.client.v1.rs");
            }
            pub(crate) mod v2 {
                include!("generated/ibc.core.client.v2.rs");
            }
        }
    }
}

pub(crate) use ibc::{
    applications::transfer::v1::FungibleTokenPacketData,
    core::{
        channel::v2::{
            Acknowledgement, MsgAcknowledgement, MsgRecvPacket, MsgRecvPacketResponse, MsgSendPacket,
            MsgSendPacketResponse, MsgTimeout, Packet, Payload, ResponseResultType,
        },
        client::{
            v1::{Height, MsgCreateClientResponse},
            v2::{MsgRegisterCounterparty, QueryCounterpartyInfoRequest, QueryCounterpartyInfoResponse},
        },
    },
};
