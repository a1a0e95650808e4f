# The kernel does not say who put an address there (before 5.18): the process before us says what it held. What has a lifetime is taken for ours
# without that, too; what lasts and was not held is a stranger.
config addresses={other={interface=eth0 held=[10.0.0.101/24] lifetime=2000ms follows=master{group=cache servers=[10.0.0.1:6379]} proof-age=500ms way=view{announce={repeat=0 gap=0ms refresh=0ms}}} third={interface=eth0 held=[10.0.0.102/24] follows=master{group=cache servers=[10.0.0.1:6379]} proof-age=500ms way=view{announce={repeat=0 gap=0ms refresh=0ms}}} vip={interface=eth0 held=[10.0.0.100/24] proof-age=500ms way=vrrp{version=v3 vrid=7 primary=10.0.0.1 addresses=[10.0.0.100] interval=100ms announce={repeat=1 gap=500ms refresh=0ms}}}}

at 0ms startup left=[] found=[{interface=eth0 address=10.0.0.100/24 lasts=true} {interface=eth0 address=10.0.0.101/24 lasts=false} {interface=eth0 address=10.0.0.102/24 lasts=true}] handed-over=true handed=[[eth0 10.0.0.100/24]]
       > will address=other remove=[[eth0 10.0.0.101/24]] say=[]
       > put interface=eth0 address=10.0.0.101/24 valid=2000ms
       > tell address=third is-bad=true text="10.0.0.102/24 stood on eth0, where it must not be now, and was not put there by this node (1 times since the last line): two hosts would answer for it, so it is removed. Has a program that died left it (a Keepalived?), or does the network's configuration put it there? Then take it out of that"
       > cut ips=[10.0.0.102]
       > remove interface=eth0 address=10.0.0.102/24
       > will address=vip remove=[[eth0 10.0.0.100/24]] say=[send{to=224.0.0.18 advert={vrid=7 priority=0 interval=100ms addresses=[10.0.0.100]}}]
       > router address=vip action=send{to=224.0.0.18 advert={vrid=7 priority=100 interval=100ms addresses=[10.0.0.100]}}
       > announce interface=eth0 ips=[10.0.0.100]
       > put interface=eth0 address=10.0.0.100/24
       > changed address=other from=initialize to=active priority=100 why="the process before this one held it, and has handed over"
       > changed address=third from=initialize to=backup priority=100 why="who the master of cache is, is not yet known"
       > changed address=vip from=initialize to=active priority=100 why="the process before this one held it, and has handed over"
until 50ms
