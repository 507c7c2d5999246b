#include "nemesis/agent/network/nft_batch.h"

#include <arpa/inet.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables_compat.h>
#include <linux/netfilter/xt_NFQUEUE.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <netinet/ip6.h>
#include <netlink/attr.h>

#include <array>
#include <cstddef>
#include <cstring>
#include <utility>

#include "nemesis/agent/network/nft_message.h"

namespace riven::agent {
namespace {

constexpr std::string_view kPrefix = "riven-";
constexpr int kPriority = -300;

void put_u32(nl_msg* message, int attribute, uint32_t v) { nla_put_u32(message, attribute, htonl(v)); }

/// One expression of a rule: opened here, closed by the destructor.
class Expression {
 public:
  Expression(nl_msg* message, const char* name) : message_(message) {
    element_ = nla_nest_start(message, NFTA_LIST_ELEM);
    nla_put_string(message, NFTA_EXPR_NAME, name);
    data_ = nla_nest_start(message, NFTA_EXPR_DATA);
    RIVEN_CHECK(data_ != nullptr, "a netlink message was too small for a rule");
  }
  ~Expression() {
    nla_nest_end(message_, data_);
    nla_nest_end(message_, element_);
  }
  Expression(const Expression&) = delete;
  Expression& operator=(const Expression&) = delete;

 private:
  nl_msg* message_;
  nlattr* element_;
  nlattr* data_;
};

}  // namespace

nl_msg* make_nft_message(int type, int flags, uint8_t family, uint16_t resource) {
  nl_msg* message = nlmsg_alloc();
  RIVEN_CHECK(message != nullptr, "out of memory");
  nlmsghdr* header = nlmsg_put(message, 0, 0, type, sizeof(nfgenmsg), NLM_F_REQUEST | flags);
  auto* body = static_cast<nfgenmsg*>(nlmsg_data(header));
  body->nfgen_family = family;
  body->version = NFNETLINK_V0;
  body->res_id = htons(resource);
  return message;
}

NftBatch::NftBatch() { control(NFNL_MSG_BATCH_BEGIN); }

nl_msg* NftBatch::begin(int type, int flags) {
  return make_nft_message(nft_type(type), flags, NFPROTO_INET, 0);
}

void NftBatch::append(nl_msg* message) {
  const nlmsghdr* header = nlmsg_hdr(message);
  last_ = bytes_.size();
  bytes_.append(reinterpret_cast<const char*>(header), header->nlmsg_len);
  bytes_.resize(last_ + NLMSG_ALIGN(header->nlmsg_len));
  ++messages_;
  nlmsg_free(message);
}

void NftBatch::control(int type) {
  const size_t last = last_;
  append(make_nft_message(type, 0, AF_UNSPEC, NFNL_SUBSYS_NFTABLES));
  --messages_;
  last_ = last;
}

void NftBatch::add_table(const std::string& table) {
  RIVEN_CHECK(table.rfind(kPrefix, 0) == 0, "a table that is not Riven's was about to be touched");
  nl_msg* message = begin(NFT_MSG_NEWTABLE, NLM_F_CREATE | NLM_F_EXCL);
  nla_put_string(message, NFTA_TABLE_NAME, table.c_str());
  append(message);
}

void NftBatch::delete_table(const std::string& table) {
  RIVEN_CHECK(table.rfind(kPrefix, 0) == 0, "a table that is not Riven's was about to be touched");
  nl_msg* message = begin(NFT_MSG_DELTABLE, 0);
  nla_put_string(message, NFTA_TABLE_NAME, table.c_str());
  append(message);
}

void NftBatch::set_dormant(const std::string& table, bool dormant) {
  RIVEN_CHECK(table.rfind(kPrefix, 0) == 0, "a table that is not Riven's was about to be touched");
  nl_msg* message = begin(NFT_MSG_NEWTABLE, 0);
  nla_put_string(message, NFTA_TABLE_NAME, table.c_str());
  put_u32(message, NFTA_TABLE_FLAGS, dormant ? NFT_TABLE_F_DORMANT : 0);
  append(message);
}

void NftBatch::add_chain(const std::string& table, const std::string& chain, Hook hook) {
  nl_msg* message = begin(NFT_MSG_NEWCHAIN, NLM_F_CREATE);
  nla_put_string(message, NFTA_CHAIN_TABLE, table.c_str());
  nla_put_string(message, NFTA_CHAIN_NAME, chain.c_str());
  nlattr* nest = nla_nest_start(message, NFTA_CHAIN_HOOK);
  put_u32(message, NFTA_HOOK_HOOKNUM, hook == Hook::input ? NF_INET_LOCAL_IN : NF_INET_LOCAL_OUT);
  put_u32(message, NFTA_HOOK_PRIORITY, static_cast<uint32_t>(kPriority));
  nla_nest_end(message, nest);
  put_u32(message, NFTA_CHAIN_POLICY, NF_ACCEPT);
  nla_put_string(message, NFTA_CHAIN_TYPE, "filter");
  append(message);
}

NftBatch::Rule::Rule(NftBatch& batch, const std::string& table, const std::string& chain,
                     const std::string& comment)
    : batch_(batch), message_(batch.begin(NFT_MSG_NEWRULE, NLM_F_CREATE | NLM_F_APPEND)) {
  nla_put_string(message_, NFTA_RULE_TABLE, table.c_str());
  nla_put_string(message_, NFTA_RULE_CHAIN, chain.c_str());
  if (!comment.empty()) {
    const std::string text = comment.substr(0, 120);
    std::string data;
    data.push_back(static_cast<char>(kNftCommentType));
    data.push_back(static_cast<char>(text.size() + 1));
    data.append(text.c_str(), text.size() + 1);
    nla_put(message_, NFTA_RULE_USERDATA, static_cast<int>(data.size()), data.data());
  }
  list_ = nla_nest_start(message_, NFTA_RULE_EXPRESSIONS);
}

NftBatch::Rule::~Rule() {
  nla_nest_end(message_, static_cast<nlattr*>(list_));
  batch_.append(message_);
}

NftBatch::Rule& NftBatch::Rule::compare(uint32_t op, const void* data, size_t size) {
  const Expression expression(message_, "cmp");
  put_u32(message_, NFTA_CMP_SREG, NFT_REG_1);
  put_u32(message_, NFTA_CMP_OP, op);
  nlattr* nest = nla_nest_start(message_, NFTA_CMP_DATA);
  nla_put(message_, NFTA_DATA_VALUE, static_cast<int>(size), data);
  nla_nest_end(message_, nest);
  return *this;
}

NftBatch::Rule& NftBatch::Rule::load_meta(uint32_t key) {
  const Expression expression(message_, "meta");
  put_u32(message_, NFTA_META_KEY, key);
  put_u32(message_, NFTA_META_DREG, NFT_REG_1);
  return *this;
}

NftBatch::Rule& NftBatch::Rule::load_payload(uint32_t base, uint32_t offset, uint32_t size) {
  const Expression expression(message_, "payload");
  put_u32(message_, NFTA_PAYLOAD_DREG, NFT_REG_1);
  put_u32(message_, NFTA_PAYLOAD_BASE, base);
  put_u32(message_, NFTA_PAYLOAD_OFFSET, offset);
  put_u32(message_, NFTA_PAYLOAD_LEN, size);
  return *this;
}

NftBatch::Rule& NftBatch::Rule::address(std::string_view address, bool source) {
  const std::string text(address);
  in_addr v4{};
  in6_addr v6{};
  const bool is_v4 = inet_pton(AF_INET, text.c_str(), &v4) == 1;
  RIVEN_CHECK(is_v4 || inet_pton(AF_INET6, text.c_str(), &v6) == 1, "a rule was made for no IP address");
  const uint8_t family = is_v4 ? NFPROTO_IPV4 : NFPROTO_IPV6;
  load_meta(NFT_META_NFPROTO).compare(NFT_CMP_EQ, &family, 1);
  if (is_v4) {
    const size_t offset = source ? offsetof(iphdr, saddr) : offsetof(iphdr, daddr);
    load_payload(NFT_PAYLOAD_NETWORK_HEADER, static_cast<uint32_t>(offset), sizeof v4);
    return compare(NFT_CMP_EQ, &v4, sizeof v4);
  }
  const size_t offset = source ? offsetof(ip6_hdr, ip6_src) : offsetof(ip6_hdr, ip6_dst);
  load_payload(NFT_PAYLOAD_NETWORK_HEADER, static_cast<uint32_t>(offset), sizeof v6);
  return compare(NFT_CMP_EQ, &v6, sizeof v6);
}

NftBatch::Rule& NftBatch::Rule::protocol(uint8_t protocol, bool equal) {
  return load_meta(NFT_META_L4PROTO).compare(equal ? NFT_CMP_EQ : NFT_CMP_NEQ, &protocol, 1);
}

NftBatch::Rule& NftBatch::Rule::port(uint16_t port, bool source) {
  const uint16_t wire = htons(port);
  return load_payload(NFT_PAYLOAD_TRANSPORT_HEADER, source ? 0 : 2, 2).compare(NFT_CMP_EQ, &wire, 2);
}

NftBatch::Rule& NftBatch::Rule::icmp_type(uint8_t type) {
  return load_payload(NFT_PAYLOAD_TRANSPORT_HEADER, 0, 1).compare(NFT_CMP_EQ, &type, 1);
}

NftBatch::Rule& NftBatch::Rule::resets() {
  constexpr uint32_t kFlagsOffset = 13;  // RFC 9293, 3.1
  constexpr uint8_t kReset = 0x04, kNothing = 0;
  load_payload(NFT_PAYLOAD_TRANSPORT_HEADER, kFlagsOffset, 1);
  {
    const Expression expression(message_, "bitwise");
    put_u32(message_, NFTA_BITWISE_SREG, NFT_REG_1);
    put_u32(message_, NFTA_BITWISE_DREG, NFT_REG_1);
    put_u32(message_, NFTA_BITWISE_LEN, 1);
    for (const auto& [attribute, byte] :
         {std::pair<int, const uint8_t*>{NFTA_BITWISE_MASK, &kReset}, {NFTA_BITWISE_XOR, &kNothing}}) {
      nlattr* nest = nla_nest_start(message_, attribute);
      nla_put(message_, NFTA_DATA_VALUE, 1, byte);
      nla_nest_end(message_, nest);
    }
  }
  return compare(NFT_CMP_NEQ, &kNothing, 1);
}

NftBatch::Rule& NftBatch::Rule::chance(uint32_t per_million) {
  {
    const Expression expression(message_, "numgen");
    put_u32(message_, NFTA_NG_DREG, NFT_REG_1);
    put_u32(message_, NFTA_NG_MODULUS, 1'000'000);
    put_u32(message_, NFTA_NG_TYPE, NFT_NG_RANDOM);
    put_u32(message_, NFTA_NG_OFFSET, 0);
  }
  {
    // cmp is memcmp: the number must be big endian for "less than".
    const Expression expression(message_, "byteorder");
    put_u32(message_, NFTA_BYTEORDER_SREG, NFT_REG_1);
    put_u32(message_, NFTA_BYTEORDER_DREG, NFT_REG_1);
    put_u32(message_, NFTA_BYTEORDER_OP, NFT_BYTEORDER_HTON);
    put_u32(message_, NFTA_BYTEORDER_LEN, 4);
    put_u32(message_, NFTA_BYTEORDER_SIZE, 4);
  }
  const uint32_t bound = htonl(per_million);
  return compare(NFT_CMP_LT, &bound, sizeof bound);
}

NftBatch::Rule& NftBatch::Rule::counter() {
  const Expression expression(message_, "counter");
  return *this;
}

NftBatch::Rule& NftBatch::Rule::verdict(int32_t code) {
  const Expression expression(message_, "immediate");
  put_u32(message_, NFTA_IMMEDIATE_DREG, NFT_REG_VERDICT);
  nlattr* data = nla_nest_start(message_, NFTA_IMMEDIATE_DATA);
  nlattr* nest = nla_nest_start(message_, NFTA_DATA_VERDICT);
  put_u32(message_, NFTA_VERDICT_CODE, static_cast<uint32_t>(code));
  nla_nest_end(message_, nest);
  nla_nest_end(message_, data);
  return *this;
}

NftBatch::Rule& NftBatch::Rule::mark(uint32_t mark) {
  return load_meta(NFT_META_MARK).compare(NFT_CMP_EQ, &mark, sizeof mark);
}

NftBatch::Rule& NftBatch::Rule::queue(uint16_t number, bool native) {
  if (native) {
    const Expression expression(message_, "queue");
    nla_put_u16(message_, NFTA_QUEUE_NUM, htons(number));
    nla_put_u16(message_, NFTA_QUEUE_TOTAL, htons(1));
    nla_put_u16(message_, NFTA_QUEUE_FLAGS, htons(NFT_QUEUE_FLAG_BYPASS));
    return *this;
  }
  const Expression expression(message_, "target");
  constexpr uint32_t kRevision = 3;
  alignas(8) std::array<char, (sizeof(xt_NFQ_info_v3) + 7) / 8 * 8> info{};  // XT_ALIGN
  const xt_NFQ_info_v3 told{number, 1, NFQ_FLAG_BYPASS};
  std::memcpy(info.data(), &told, sizeof told);
  nla_put_string(message_, NFTA_TARGET_NAME, "NFQUEUE");
  put_u32(message_, NFTA_TARGET_REV, kRevision);
  nla_put(message_, NFTA_TARGET_INFO, static_cast<int>(info.size()), info.data());
  return *this;
}

NftBatch::Rule& NftBatch::Rule::accept() { return verdict(NF_ACCEPT); }
NftBatch::Rule& NftBatch::Rule::drop() { return verdict(NF_DROP); }

NftBatch::Rule& NftBatch::Rule::reject(uint32_t type) {
  const Expression expression(message_, "reject");
  put_u32(message_, NFTA_REJECT_TYPE, type);
  nla_put_u8(message_, NFTA_REJECT_ICMP_CODE,
             type == NFT_REJECT_TCP_RST ? uint8_t{0} : uint8_t{NFT_REJECT_ICMPX_PORT_UNREACH});
  return *this;
}

NftBatch::Rule& NftBatch::Rule::reset() { return reject(NFT_REJECT_TCP_RST); }
NftBatch::Rule& NftBatch::Rule::unreachable() { return reject(NFT_REJECT_ICMPX_UNREACH); }

}  // namespace riven::agent
