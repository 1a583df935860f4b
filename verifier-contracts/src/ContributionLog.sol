// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.24;

/// @title Datanets and the order of their contributions
/// @notice A contribution is committed to before anybody sees it, and the commitment gets the next ordinal. Who copies
/// what a reveal shows commits after it, and so is always later.
/// @dev Assumes: whoever runs the rules of a Datanet reads the events; contents and states are elsewhere.
/// A Datanet's id holds its curator, so nobody can take another's id before it is registered.
abstract contract ContributionLog {
    /// @notice A commitment's place.
    struct Commitment {
        /// From 1 on. 0 without a commitment.
        uint64 ordinal;
        /// Block in which it was made.
        uint64 number;
    }

    /// @notice Whose a revealed content is.
    struct Contribution {
        /// Who committed to it first, of those who revealed it.
        address contributor;
        /// Ordinal of that commitment. 0 without one.
        uint64 ordinal;
    }

    /// @notice Who publishes states of a Datanet. 0 for one that is not registered.
    mapping(bytes32 datanet => address) public curatorOf;

    /// @notice Ordinals of commitments.
    mapping(bytes32 commitment => Commitment) public commitments;

    /// @notice Revealed contents of Datanets.
    mapping(bytes32 datanet => mapping(bytes32 content => Contribution)) public contributions;

    /// @notice The latest ordinal.
    uint64 public lastOrdinal;

    /// @notice A Datanet has a curator.
    event DatanetRegistered(bytes32 indexed datanet, address indexed curator, bytes32 name);

    /// @notice A Datanet has a new state, of this digest.
    event DatanetPublished(bytes32 indexed datanet, bytes32 digest);

    /// @notice A commitment has an ordinal.
    event ContributionCommitted(bytes32 indexed commitment, uint64 ordinal);

    /// @notice A content is this contributor's, until somebody reveals an earlier commitment to it.
    event ContributionRevealed(
        bytes32 indexed datanet, bytes32 indexed content, address indexed contributor, uint64 ordinal
    );

    /// @notice The caller has a Datanet of this name already.
    error DatanetExists(bytes32 datanet);

    /// @notice There is no such Datanet.
    error UnknownDatanet(bytes32 datanet);

    /// @notice The caller is not the Datanet's curator.
    error NotCurator(address found, address expected);

    /// @notice Somebody committed to this already. The ordinal stands.
    error AlreadyCommitted(bytes32 commitment, uint64 ordinal);

    /// @notice Nobody committed to this.
    error NotCommitted(bytes32 commitment);

    /// @notice A commitment is revealed in a later block.
    error RevealTooEarly(uint256 found, uint256 committed);

    /// @notice The content is revealed with this ordinal or an earlier one.
    error AlreadyRevealed(uint64 found, uint64 ordinal);

    /// @notice Makes the caller curator of a new Datanet.
    /// @param name What the caller calls it.
    /// @return datanet Its id.
    function registerDatanet(bytes32 name) external returns (bytes32 datanet) {
        datanet = datanetId(msg.sender, name);
        if (curatorOf[datanet] != address(0)) revert DatanetExists(datanet);
        curatorOf[datanet] = msg.sender;
        emit DatanetRegistered(datanet, msg.sender, name);
    }

    /// @notice Publishes a Datanet's state.
    function publishDatanet(bytes32 datanet, bytes32 digest) external {
        _requireDatanet(datanet);
        if (curatorOf[datanet] != msg.sender) revert NotCurator(msg.sender, curatorOf[datanet]);
        emit DatanetPublished(datanet, digest);
    }

    /// @notice Gives a commitment the next ordinal. Who sends it does not matter: it names its contributor.
    /// @param commitment keccak256(abi.encode(chain id, this contract, datanet, content, contributor, salt)).
    function commit(bytes32 commitment) external {
        uint64 found = commitments[commitment].ordinal;
        if (found != 0) revert AlreadyCommitted(commitment, found);
        uint64 ordinal = ++lastOrdinal;
        commitments[commitment] = Commitment(ordinal, uint64(block.number));
        emit ContributionCommitted(commitment, ordinal);
    }

    /// @notice Shows what the caller committed to. A content that somebody else revealed with a later ordinal becomes
    /// the caller's.
    function reveal(bytes32 datanet, bytes32 content, bytes32 salt) external {
        _requireDatanet(datanet);
        bytes32 commitment =
            keccak256(abi.encode(block.chainid, address(this), datanet, content, msg.sender, salt));
        Commitment memory c = commitments[commitment];
        if (c.ordinal == 0) revert NotCommitted(commitment);
        if (block.number <= c.number) revert RevealTooEarly(block.number, c.number);
        uint64 found = contributions[datanet][content].ordinal;
        if (found != 0 && found <= c.ordinal) revert AlreadyRevealed(found, c.ordinal);
        contributions[datanet][content] = Contribution(msg.sender, c.ordinal);
        emit ContributionRevealed(datanet, content, msg.sender, c.ordinal);
    }

    /// @notice The id of a curator's Datanet.
    function datanetId(address curator, bytes32 name) public pure returns (bytes32) {
        return keccak256(abi.encode(curator, name));
    }

    function _requireDatanet(bytes32 datanet) internal view {
        if (curatorOf[datanet] == address(0)) revert UnknownDatanet(datanet);
    }
}
